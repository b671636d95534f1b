package haletest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// hangs is how long a call may take before it counts as one that never returns.
// Only this package's own tests change it.
var hangs = 10 * time.Second

// called is what came of a call.
type called struct {
	findings []detect.Finding
	failed   string // why it came to nothing
}

// call makes one call of Detect. It returns why the call failed, "" when it did
// not.
func call(d detect.Detector, t observe.Turn) ([]detect.Finding, string) {
	done := make(chan called, 1)
	go func() {
		out := called{failed: "ended its goroutine"}
		defer func() {
			if v := recover(); v != nil {
				out.failed = fmt.Sprintf("panicked: %v", v)
			}
			done <- out
		}()
		out = called{findings: d.Detect(t)}
	}()
	timer := time.NewTimer(hangs)
	defer timer.Stop()
	select {
	case out := <-done:
		return out.findings, out.failed
	case <-timer.C:
		return nil, fmt.Sprintf("did not return within %v", hangs)
	}
}

// mode says how [detectorTest.play] treats the detector.
type mode struct {
	scribbles bool // each turn is overwritten after its call
	relays    bool // a fresh detector takes over after each turn, by State and SetState
}

// play feeds a series to a fresh detector and returns the findings of each turn.
func (c *detectorTest) play(s series, m mode) (found [][]string, failed string) {
	d := c.fresh()
	for i, t := range s.turns {
		if m.relays && i > 0 {
			next := c.fresh()
			if err := handOver(d, next); err != nil {
				return found, fmt.Sprintf("turn %d: %v", i, err)
			}
			d = next
		}
		given := copyTurn(t)
		out, failed := call(d, given)
		if failed != "" {
			return found, fmt.Sprintf("turn %d: Detect %s", i, failed)
		}
		if !reflect.DeepEqual(given, t) {
			return found, fmt.Sprintf("turn %d: Detect changed the turn", i)
		}
		found = append(found, written(out))
		if m.scribbles {
			scribble(&given)
		}
	}
	return found, ""
}

// handOver makes next go on where d is.
func handOver(d, next detect.Detector) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("taking the state over panicked: %v", v)
		}
	}()
	raw, err := d.(detect.Stateful).State()
	if err != nil {
		return fmt.Errorf("its State failed: %w", err)
	}
	if !json.Valid(raw) {
		return fmt.Errorf("its State returned what is not JSON: %.60q", raw)
	}
	if err := next.(detect.Stateful).SetState(slices.Clone(raw)); err != nil {
		return fmt.Errorf("its SetState of what State returned failed: %w", err)
	}
	return nil
}

// written returns findings as text, in an order that does not depend on theirs.
func written(findings []detect.Finding) []string {
	out := make([]string, 0, len(findings))
	for _, f := range findings {
		b, err := json.Marshal(f)
		if err != nil {
			b = fmt.Appendf(nil, "%+v", f)
		}
		out = append(out, string(b))
	}
	slices.Sort(out)
	return out
}
