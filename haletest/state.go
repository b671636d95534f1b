package haletest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hale-go/hale/detect"
)

// state checks what the relay of [detectorTest.play] does not see.
func (c *detectorTest) state() {
	c.t.Helper()
	if _, ok := c.fresh().(detect.Stateful); !ok {
		return
	}
	for _, s := range append([]series{newGenerator(2).sick(60)}, c.sick...) {
		c.forgets(s)
	}
	for _, damaged := range []string{"{", `"a`, ""} {
		if err := setState(c.fresh().(detect.Stateful), json.RawMessage(damaged)); err == nil {
			c.errorf("SetState took %q, which is no state, without an error", damaged)
		} else if strings.HasPrefix(err.Error(), "panic") {
			c.errorf("SetState of %q %v", damaged, err)
		}
	}
}

// forgets checks that State changes nothing, and that a detector which was used
// before forgets what it knew.
func (c *detectorTest) forgets(s series) {
	c.t.Helper()
	half := len(s.turns) / 2 // what it knows by then is about what comes next
	used := c.fresh().(detect.Stateful)
	if !c.feed(s.name, used, copies(s.turns[:half]), func(int, []detect.Finding) {}) {
		return
	}
	once, err := stateOf(used)
	again, err2 := stateOf(used)
	if err != nil || err2 != nil || string(once) != string(again) {
		c.errorf("State returned another state the second time (errors: %v, %v)", err, err2)
	}
	if err := handOver(c.fresh(), used); err != nil {
		c.errorf("%v", err)
		return
	}
	if c.chance {
		return
	}
	var want [][]string
	if !c.feed(s.name, c.fresh(), copies(s.turns[half:]), func(_ int, out []detect.Finding) { want = append(want, written(out)) }) {
		return
	}
	differs := false
	c.feed(s.name, used, copies(s.turns[half:]), func(i int, out []detect.Finding) {
		if got := written(out); !differs && !slices.Equal(want[i], got) {
			differs = true
			c.errorf("on %s: turn %d: after SetState it still knows what it knew before\n\tfresh: %s\n\tused:  %s", s.name, half+i, want[i], got)
		}
	})
}

// handOver makes next go on where d is.
func handOver(d, next detect.Detector) error {
	raw, err := stateOf(d.(detect.Stateful))
	if err != nil {
		return fmt.Errorf("its State failed: %w", err)
	}
	if !json.Valid(raw) {
		return fmt.Errorf("its State returned what is not JSON: %.60q", raw)
	}
	if err := setState(next.(detect.Stateful), slices.Clone(raw)); err != nil {
		return fmt.Errorf("its SetState of what State returned failed: %w", err)
	}
	return nil
}

func stateOf(d detect.Stateful) (raw json.RawMessage, err error) {
	defer contain(&err)
	return d.State()
}

func setState(d detect.Stateful, raw json.RawMessage) (err error) {
	defer contain(&err)
	return d.SetState(raw)
}

func contain(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("panicked: %v", v)
	}
}
