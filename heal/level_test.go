package heal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hale-go/hale/detect"
)

// A level of another unit is no sign that a remedy made things worse.
func TestLevelsOfTwoUnitsAreNotCompared(t *testing.T) {
	w := newWorld(t, contain)
	few := leak(true, 2)
	few.Unit = "%"
	w.turns(2, few)
	w.turns(3, leak(true, 100))
	if steps := fmt.Sprint(w.inc.Steps); strings.Contains(steps, "worse") || !strings.Contains(steps, "did not help: level 100 goroutines") {
		t.Errorf("steps %v", steps)
	}
}

// What is left is told in its unit, in numbers that people read.
func TestWhatIsLeftHasItsUnit(t *testing.T) {
	for _, c := range []struct {
		level float64
		unit  string
		want  string
	}{
		{7, "goroutines", "no longer grows, 7 goroutines are left"},
		{1234.56, "spans", "no longer grows, 1235 spans are left"},
		{2.25, "", "no longer grows, 2.2 are left"},
	} {
		w := newWorld(t, contain)
		f, rest := leak(true, c.level), leak(false, c.level)
		f.Unit, rest.Unit = c.unit, c.unit
		f.Confidence, rest.Confidence = detect.Confirmed, detect.Confirmed
		w.turns(3, f)
		w.turns(30, rest)
		if steps := fmt.Sprint(w.inc.Steps); !strings.Contains(steps, c.want) {
			t.Errorf("want %q in %s", c.want, steps)
		}
	}
}
