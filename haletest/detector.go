package haletest

import (
	"encoding/json"
	"fmt"
	"runtime"
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
//   - It neither changes the turn nor keeps any of it.
//   - It reports nothing confirmed on a healthy service.
//   - The panel, which checks findings, drops none of its.
//   - It does not panic and it returns, whatever the turn holds; in less than a
//     second, five under the race detector.
//   - What it remembers is bounded.
//
// Each rule that is broken fails t once for each series. It takes a second or two,
// and several under the race detector.
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
		if !c.pure(s) {
			return // it panics or hangs: it would again
		}
		c.accepted(s)
	}
	if !c.pure(newGenerator(3).garbage(300)) {
		return
	}
	c.state()
	if c.quick() {
		c.bounded()
	}
}

// detectorTest is one run of [Detector].
type detectorTest struct {
	t     testing.TB
	fresh func() detect.Detector

	limit   time.Duration // of a turn
	endless int           // turns in which new names come

	kinds     []detect.Kind // wanted in the generated series
	sick      []series      // given
	sickKinds []detect.Kind // what is wanted in each
}

// pure checks all rules that hold for any series. It reports false for a
// detector that cannot be fed at all.
func (c *detectorTest) pure(s series) bool {
	c.t.Helper()
	base, failed := c.play(s, mode{})
	if failed != "" {
		c.t.Errorf("haletest: detector: on %s: %s", s.name, failed)
		return false
	}
	for range 4 { // a map of two keys keeps its order every other time
		if !c.same(s, base, mode{}, "the same turns led to other findings in another run: it depends on a clock, on chance or on map order") {
			return true // the other rules would fail for the same reason
		}
	}
	c.same(s, base, mode{scribbles: true}, "overwriting turns after their call changed later findings: it keeps part of the turn")
	if _, ok := c.fresh().(detect.Stateful); ok {
		c.same(s, base, mode{relays: true}, "State and SetState between turns changed the findings: State leaves something out")
	}
	return true
}

func (c *detectorTest) same(s series, base [][]string, m mode, rule string) bool {
	c.t.Helper()
	again, failed := c.play(s, m)
	if failed != "" {
		c.t.Errorf("haletest: detector: on %s: %s", s.name, failed)
		return false
	}
	for i := range base {
		if !slices.Equal(base[i], again[i]) {
			c.t.Errorf("haletest: detector: on %s: turn %d: %s\n\tonce:  %s\n\tagain: %s", s.name, i, rule, strings.Join(base[i], "\n\t       "), strings.Join(again[i], "\n\t       "))
			return false
		}
	}
	return true
}

// accepted checks the findings with the panel that a runtime runs them in.
func (c *detectorTest) accepted(s series) {
	c.t.Helper()
	p := detect.NewPanel(0, detect.Named{Name: "detector", Detector: c.fresh()})
	for i, t := range s.turns {
		t = copyTurn(t)
		_, events := p.Detect(&t)
		for _, e := range events {
			c.t.Errorf("haletest: detector: on %s: turn %d: %s: %s", s.name, i, e.Kind, e.Detail)
			return
		}
	}
}

// healthy checks that nothing is confirmed on a service that has nothing.
func (c *detectorTest) healthy() {
	c.t.Helper()
	s := newGenerator(1).healthy(600)
	var accused string
	feed(c.fresh(), copies(s.turns), func(i int, out []detect.Finding) string { // a failure is told by the next rule
		for _, f := range out {
			if f.Confidence == detect.Confirmed {
				accused = fmt.Sprintf("turn %d: it confirmed %s: %s", i, f.Key(), firstText(f))
				return accused
			}
		}
		return ""
	})
	if accused != "" {
		c.t.Errorf("haletest: detector: on %s: %s", s.name, accused)
	}
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
	failed := feed(c.fresh(), copies(s.turns), func(_ int, out []detect.Finding) string {
		for _, f := range out {
			seen[f.Kind] = seen[f.Kind] || f.Confidence == detect.Confirmed
		}
		return ""
	})
	if failed != "" {
		return // told by the next rule
	}
	for _, k := range kinds {
		if !seen[k] {
			c.t.Errorf("haletest: detector: on %s: it confirmed no %s", s.name, k)
		}
	}
}

// state checks what the relay of [detectorTest.play] does not see.
func (c *detectorTest) state() {
	c.t.Helper()
	used, ok := c.fresh().(detect.Stateful)
	if !ok {
		return
	}
	s := newGenerator(2).sick(60)
	for _, t := range s.turns {
		used.Detect(copyTurn(t))
	}
	once, err := used.State()
	again, err2 := used.State()
	if err != nil || err2 != nil || string(once) != string(again) {
		c.t.Errorf("haletest: detector: State returned another state the second time (errors: %v, %v)", err, err2)
	}
	// A detector that was used before must forget what it knew.
	if err := handOver(c.fresh(), used); err != nil {
		c.t.Errorf("haletest: detector: %v", err)
		return
	}
	fresh := c.fresh()
	for i, t := range s.turns {
		if a, b := written(fresh.Detect(copyTurn(t))), written(used.Detect(copyTurn(t))); !slices.Equal(a, b) {
			c.t.Errorf("haletest: detector: turn %d: after SetState it still knows what it knew before\n\tfresh: %s\n\tused:  %s", i, a, b)
			break
		}
	}
	for _, damaged := range []string{"{", `"a`, ""} {
		if err := setState(c.fresh().(detect.Stateful), json.RawMessage(damaged)); err == nil {
			c.t.Errorf("haletest: detector: SetState took %q, which is no state, without an error", damaged)
		} else if strings.HasPrefix(err.Error(), "panic") {
			c.t.Errorf("haletest: detector: SetState of %q %v", damaged, err)
		}
	}
}

func setState(d detect.Stateful, raw json.RawMessage) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panicked: %v", v)
		}
	}()
	return d.SetState(raw)
}

// quick checks the time that the largest turn takes, the best of a few: what
// else the machine does is not the detector's fault.
func (c *detectorTest) quick() bool {
	c.t.Helper()
	best := time.Hour
	for range 3 {
		g := newGenerator(4)
		var begin time.Time
		turns := func(yield func(observe.Turn) bool) {
			for range 3 { // what is new, what is known, what has grown
				t := g.big()
				begin = time.Now()
				if !yield(t) {
					return
				}
			}
		}
		var worst time.Duration
		failed := feed(c.fresh(), turns, func(int, []detect.Finding) string {
			worst = max(worst, time.Since(begin))
			return ""
		})
		if failed != "" {
			c.t.Errorf("haletest: detector: on turns of 4096 names: %s", failed)
			return false
		}
		if best = min(best, worst); best < c.limit {
			return true
		}
	}
	c.t.Errorf("haletest: detector: on a turn of 4096 names: Detect takes %v; a runtime disables it at 1s", best)
	return false
}

// maxGrowth is by how much memory may grow in 5,000 turns, in which 6 MB of new
// names come, and state by half of that.
const maxGrowth = 2 << 20

// bounded checks that names which never come again are not kept.
func (c *detectorTest) bounded() {
	c.t.Helper()
	var told string
	for range 3 { // what else the process does in the meantime is in the figure
		if told = c.growth(); told == "" {
			return
		}
	}
	c.t.Errorf("haletest: detector: on %d turns with ever new names: %s: bound what you remember", c.endless, told)
}

func (c *detectorTest) growth() string {
	g := newGenerator(5)
	d := c.fresh()
	var heap [2]uint64
	var state [2]int
	for half := range 2 {
		turns := func(yield func(observe.Turn) bool) {
			for range c.endless / 2 {
				if !yield(g.endless()) {
					return
				}
			}
		}
		if failed := feed(d, turns, func(int, []detect.Finding) string { return "" }); failed != "" {
			return failed
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap[half] = m.HeapAlloc
		if s, ok := d.(detect.Stateful); ok {
			raw, err := s.State()
			if err != nil {
				return "State: " + err.Error()
			}
			state[half] = len(raw)
		}
	}
	runtime.KeepAlive(d)
	switch {
	case state[1]-state[0] > maxGrowth/2:
		return fmt.Sprintf("its state grew from %d to %d bytes", state[0], state[1])
	case int64(heap[1])-int64(heap[0]) > maxGrowth:
		return fmt.Sprintf("memory grew from %d to %d KB", heap[0]>>10, heap[1]>>10)
	}
	return ""
}
