package heal

import (
	"strconv"

	"github.com/hale-go/hale/diagnose"
)

// amount writes a level for people: "12 goroutines", "3.5 %". Whole numbers are
// enough for what is large.
func amount(level float64, unit string) string {
	digits := -1
	switch {
	case level >= 100:
		digits = 0
	case level != float64(int(level)):
		digits = 1
	}
	s := strconv.FormatFloat(level, 'f', digits, 64)
	if unit != "" {
		s += " " + unit
	}
	return s
}

// change says how bad it is and was.
func change(inc *diagnose.Incident, was float64) string {
	return "level " + amount(inc.Level, inc.Unit) + ", was " + amount(was, inc.Unit)
}
