package leaks_test

import (
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/examples/leaks"
)

// stacks returns the stacks of all goroutines.
func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// until polls for what the operating system and the scheduler do in their time.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30s: %s\n%s", what, stacks())
		}
	}
}

// Each route leaks one goroutine in every second request, with the entry that it
// says, and lets it go.
func TestEveryKindLeaksAndIsReleased(t *testing.T) {
	zoo, err := leaks.New(2)
	if err != nil {
		t.Fatal(err)
	}
	routes := zoo.Routes()
	if len(leaks.Kinds()) < 13 || len(routes) != len(leaks.Kinds()) || len(zoo.Paths()) != len(routes) {
		t.Errorf("%d kinds, %d routes, %d paths", len(leaks.Kinds()), len(routes), len(zoo.Paths()))
	}
	for _, kind := range leaks.Kinds() {
		for range 5 {
			w := httptest.NewRecorder()
			if err := routes[leaks.Route(kind)](w, httptest.NewRequest("GET", "/", nil)); err != nil || w.Code != 200 {
				t.Errorf("%s: %v, %d", kind, err, w.Code)
			}
		}
		n := 0
		for _, l := range zoo.Leaked() {
			if l.Kind == kind && time.Since(l.At) < time.Minute {
				n++
			}
		}
		if n != 2 {
			t.Errorf("%s: %d of 5 requests leaked, want 2", kind, n)
		}
		entry := leaks.Entry(kind) + "("
		until(t, kind+" runs "+entry, func() bool { return strings.Count(stacks(), "\n"+entry) >= 2 })
	}
	zoo.Release()
	for _, kind := range leaks.Kinds() {
		if kind != "nil channel" {
			until(t, kind+" has ended", func() bool { return !strings.Contains(stacks(), "\n"+leaks.Entry(kind)+"(") })
		}
	}
	if n := len(zoo.Leaked()); n > 0 {
		t.Errorf("%d leaks are remembered after their release", n)
	}
	if leaks.Entry("no such kind") != "" {
		t.Error("an entry of a kind that does not exist")
	}
}
