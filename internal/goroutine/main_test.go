package goroutine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// all resolves every label to a running task.
func all(goroutine.Label, time.Time) (observe.TaskID, time.Duration, bool) {
	return observe.TaskID{}, -1, true
}

// poll captures until ok accepts a snapshot. Goroutines need a moment to get
// to where they park, and nothing tells when they are there.
func poll(t testing.TB, c *goroutine.Capturer, ok func(observe.Snapshot) bool) observe.Snapshot {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		s := c.Capture(time.Now())
		if s.Skipped != "" {
			t.Fatalf("skipped: %s", s.Skipped)
		}
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("gave up; last snapshot: %+v", s)
		}
		time.Sleep(time.Millisecond)
	}
}

// named returns the groups of one task name.
func named(s observe.Snapshot, name string) (groups []observe.Group) {
	for _, g := range s.Groups {
		if g.Name == name {
			groups = append(groups, g)
		}
	}
	return groups
}

// labelled starts f as hale starts a task called name, in the domain "test",
// with the name as its cell. done is closed when it has ended.
func labelled(name string, f func()) (done chan struct{}) {
	return goroutine.GoAsHale(goroutine.Label{Name: name, Domain: "test", Cell: name}, f)
}

// short cuts the import path of this package from a function's name.
func short(s observe.Site) string {
	return strings.TrimPrefix(s.Function, "github.com/hale-go/hale/internal/goroutine_test.")
}
