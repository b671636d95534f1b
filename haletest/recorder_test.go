package haletest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a test that writes down what it is told instead of failing.
type recorder struct {
	testing.TB

	mu       sync.Mutex
	errors   []string
	cleanups []func()
}

func record(t testing.TB) *recorder { return &recorder{TB: t} }

func (r *recorder) Helper()                  {}
func (r *recorder) Name() string             { return r.TB.Name() + "/recorded" }
func (r *recorder) Context() context.Context { return r.TB.Context() }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// end runs what was put off to the end of the test and returns what it was told.
func (r *recorder) end() []string {
	for len(r.cleanups) > 0 {
		last := r.cleanups[len(r.cleanups)-1]
		r.cleanups = r.cleanups[:len(r.cleanups)-1]
		last()
	}
	return r.errors
}

// told fails t unless just one error was recorded that says all of want, or none
// where nothing is wanted.
func told(t *testing.T, errors []string, want ...string) {
	t.Helper()
	if len(want) == 0 {
		for _, e := range errors {
			t.Error("told without reason:", e)
		}
		return
	}
	if len(errors) != 1 {
		t.Errorf("%d errors, want 1 that says %q:\n\t%s", len(errors), want, strings.Join(errors, "\n\t"))
		return
	}
	for _, w := range want {
		if !strings.Contains(errors[0], w) {
			t.Errorf("it does not say %q: %s", w, errors[0])
		}
	}
}
