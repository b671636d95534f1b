package halesql_test

import (
	"log/slog"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRuntime returns a quiet runtime that is closed, and must close cleanly, at the
// test's end.
func newRuntime(t testing.TB, opts ...hale.Option) *hale.Runtime {
	t.Helper()
	rt, err := hale.New(append([]hale.Option{hale.WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return rt
}

// stat returns what an operation did since the runtime was made.
func stat(rt *hale.Runtime, name string) observe.OperationStat {
	for _, st := range rt.Operations() {
		if st.Name == name {
			return st
		}
	}
	return observe.OperationStat{}
}

// wants checks that an operation has had these outcomes, and no others.
func wants(t *testing.T, rt *hale.Runtime, name string, outcomes ...observe.Outcome) {
	t.Helper()
	if st := stat(rt, name); !slices.Equal(st.Outcomes, outcomes) || st.InFlight != 0 {
		t.Errorf("%s: outcomes %+v, want %+v; %d in flight", name, st.Outcomes, outcomes, st.InFlight)
	}
}
