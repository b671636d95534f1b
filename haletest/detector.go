package haletest

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// DetectorOption tells [Detector] more about the detector. See [Finds].
type DetectorOption func(*detectorTest)

// Finds says that the detector must confirm a finding of the kind within the
// turns. The other rules are checked on these turns too, so give some in which
// the detector has much to say. Without turns a generated series is used in
// which every fault of the built-in detectors occurs.
func Finds(kind detect.Kind, turns ...observe.Turn) DetectorOption {
	return func(c *detectorTest) {
		if len(turns) == 0 {
			c.kinds = append(c.kinds, kind)
			return
		}
		c.sick = append(c.sick, series{"the turns that were given for " + string(kind), turns})
		c.sickKinds = append(c.sickKinds, kind)
	}
}

// Detector checks that a detector keeps the contract that is written on
// [detect.Detector] and, where it implements it, [detect.Stateful]. fresh
// returns a new detector with the same settings each time.
//
// It feeds the detector generated turns: of a healthy service, of a sick one,
// garbage, one of the largest size, and 10,000 with names that never come twice.
// These are the rules:
//
//   - The same turns lead to the same findings, in a detector of its own, run
//     after run, and after State and SetState between any two turns.
//   - One without State and SetState remembers nothing: its findings are of the
//     turn alone. Else a replay that begins at a checkpoint would find other things.
//   - It neither changes the turn nor keeps any of it.
//   - It reports nothing confirmed on a healthy service.
//   - The panel, which checks findings, drops none of its.
//   - It does not panic and it returns, whatever the turn holds; in less than a
//     second, five under the race detector.
//   - What it remembers is bounded.
//
// Each rule that is broken fails t once for each series, and the others are checked
// all the same, unless the detector hangs: that one is not called again. Where the
// findings depend on chance, the rules that compare findings cannot be checked. It
// takes a second or two, and several under the race detector.
func Detector(t testing.TB, fresh func() detect.Detector, opts ...DetectorOption) {
	t.Helper()
	c := &detectorTest{t: t, fresh: fresh, limit: slowness * time.Second, endless: 10_000}
	for _, opt := range opts {
		if opt != nil {
			opt(c)
		}
	}
	if fresh == nil || fresh() == nil {
		t.Errorf("haletest.Detector: fresh must return a detector")
		return
	}
	c.healthy()
	c.finds(newGenerator(2).sick(120), c.kinds...)
	for i, s := range c.sick {
		c.finds(s, c.sickKinds[i])
	}
	for _, s := range append([]series{newGenerator(1).healthy(100), newGenerator(2).sick(60)}, c.sick...) {
		c.pure(s)
		c.accepted(s)
	}
	c.pure(newGenerator(3).garbage(300))
	c.state()
	c.quick()
	c.bounded()
}

// detectorTest is one run of [Detector].
type detectorTest struct {
	t     testing.TB
	fresh func() detect.Detector

	limit   time.Duration // of a turn
	endless int           // turns in which new names come

	hung   bool                // it is not called again
	slow   bool                // with many names
	chance bool                // its findings cannot be compared
	told   map[string]struct{} // what was reported

	kinds     []detect.Kind // wanted in the generated series
	sick      []series      // given
	sickKinds []detect.Kind // what is wanted in each
}

// errorf reports a broken rule, once: several checks may run into the same panic.
func (c *detectorTest) errorf(format string, args ...any) {
	c.t.Helper()
	text := fmt.Sprintf("haletest: detector: "+format, args...)
	if _, known := c.told[text]; known {
		return
	}
	if c.told == nil {
		c.told = map[string]struct{}{}
	}
	c.told[text] = struct{}{}
	c.t.Errorf("%s", text)
}

// feed is [feed], on turns that are called so, and reports whether the detector
// got through them.
func (c *detectorTest) feed(on string, d detect.Detector, turns iter.Seq[observe.Turn], each func(i int, out []detect.Finding)) bool {
	c.t.Helper()
	if c.hung {
		return false
	}
	failed := feed(d, turns, each)
	if failed == "" {
		return true
	}
	c.hung = strings.Contains(failed, doesNotReturn)
	c.errorf("on %s: %s", on, failed)
	return false
}

// pure checks all rules that hold for any series.
func (c *detectorTest) pure(s series) {
	c.t.Helper()
	base, ok := c.play(s, mode{})
	if !ok {
		return
	}
	for range 4 { // a map of two keys keeps its order every other time
		if !c.same(s, base, mode{}, "the same turns led to other findings in another run: it depends on a clock, on chance or on map order") {
			c.chance = true
			return // the other rules would fail for the same reason
		}
	}
	c.same(s, base, mode{scribbles: true}, "overwriting turns after their call changed later findings: it keeps part of the turn")
	rule := "State and SetState between turns changed the findings: State leaves something out"
	if _, ok := c.fresh().(detect.Stateful); !ok {
		rule = "a fresh detector for each turn finds other things: it remembers, and has no State and SetState to go on from a checkpoint with; see detect.Stateful"
	}
	c.same(s, base, mode{relays: true}, rule)
}

func (c *detectorTest) same(s series, base [][]string, m mode, rule string) bool {
	c.t.Helper()
	again, ok := c.play(s, m)
	if !ok {
		return false
	}
	for i := range base {
		if !slices.Equal(base[i], again[i]) {
			c.errorf("on %s: turn %d: %s\n\tonce:  %s\n\tagain: %s", s.name, i, rule, strings.Join(base[i], "\n\t       "), strings.Join(again[i], "\n\t       "))
			return false
		}
	}
	return true
}

// accepted checks the findings with the panel that a runtime runs them in.
func (c *detectorTest) accepted(s series) {
	c.t.Helper()
	if c.hung {
		return
	}
	p := detect.NewPanel(0, detect.Named{Name: "detector", Detector: c.fresh()})
	for i, t := range s.turns {
		t = copyTurn(t)
		_, events := p.Detect(&t)
		for _, e := range events {
			if e.Kind == observe.EventDetectorGarbage { // that it panics was told
				c.errorf("on %s: turn %d: %s: %s", s.name, i, e.Kind, e.Detail)
				return
			}
		}
	}
}

// healthy checks that nothing is confirmed on a service that has nothing.
func (c *detectorTest) healthy() {
	c.t.Helper()
	s := newGenerator(1).healthy(600)
	accused := false
	c.feed(s.name, c.fresh(), copies(s.turns), func(i int, out []detect.Finding) {
		for _, f := range out {
			if f.Confidence == detect.Confirmed && !accused {
				accused = true
				c.errorf("on %s: turn %d: it confirmed %s: %s", s.name, i, f.Key(), firstText(f))
			}
		}
	})
}

func firstText(f detect.Finding) string {
	if len(f.Evidence) == 0 {
		return "no evidence"
	}
	return f.Evidence[0].Text
}

// finds checks that the wanted kinds are confirmed.
func (c *detectorTest) finds(s series, kinds ...detect.Kind) {
	c.t.Helper()
	seen := map[detect.Kind]bool{}
	ok := c.feed(s.name, c.fresh(), copies(s.turns), func(_ int, out []detect.Finding) {
		for _, f := range out {
			seen[f.Kind] = seen[f.Kind] || f.Confidence == detect.Confirmed
		}
	})
	if !ok {
		return
	}
	for _, k := range kinds {
		if !seen[k] {
			c.errorf("on %s: it confirmed no %s", s.name, k)
		}
	}
}
