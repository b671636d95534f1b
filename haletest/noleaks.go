package haletest

import (
	"context"
	"fmt"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

// LeakOption changes what [NoLeaks] looks at. See [Under], [Ignore],
// [IgnoreIdle] and [Within].
type LeakOption func(*leakTest)

// Under makes [NoLeaks] look at what runs under a runtime too: its live tasks
// and all that they and those that ended have started. It must be a runtime
// that this test made, or others' tasks are accused.
func Under(rt *hale.Runtime) LeakOption {
	return func(l *leakTest) {
		if rt != nil {
			l.runtimes = append(l.runtimes, watched{rt: rt})
		}
	}
}

// Ignore leaves out goroutines whose entry function has a name that starts with
// one of these, e.g. "example.com/cache.(*janitor).run". The failure names entry
// functions in short; their full names are what tests of other checkers list.
func Ignore(functions ...string) LeakOption {
	return func(l *leakTest) { l.ignored = append(l.ignored, functions...) }
}

// IgnoreIdle leaves out the goroutines of connections that net/http and
// database/sql keep for later. A test that makes its own client should rather
// close its idle connections.
func IgnoreIdle() LeakOption { return Ignore(idle...) }

var idle = []string{
	"net/http.(*persistConn).", "net/http.(*Transport).", "net/http.(*http2", "net/http/internal/http2.", "golang.org/x/net/http2.",
	"database/sql.(*DB).connection",
}

// Within sets how long goroutines may take to end after the test. Default: 2s.
func Within(d time.Duration) LeakOption { return func(l *leakTest) { l.within = d } }

// NoLeaks fails t if goroutines that it started outlive it. The failure names
// for each its task where it has one, its entry function and the place where it
// is blocked. Call it first thing in the test: what t.Cleanup was given after it
// runs before it looks.
//
// It sets a profiler label on the calling goroutine, which all goroutines
// inherit that are started from there on, those of subtests and of other
// people's packages too. Only these are looked at. So it is exact in parallel
// tests, and knows nothing of goroutines that were there before, which leak
// checkers that compare with all of the process need lists of exceptions for.
//
// The context is t's with that label. Give it to hale.Do, which otherwise leaves
// the goroutine without labels; tasks of a runtime are looked at with [Under].
// Not seen are goroutines that are started by others on the test's behalf, such
// as time.AfterFunc and workers that ran before, and those that set profiler
// labels of their own from a context without this one.
//
// It takes one goroutine profile where nothing leaks, one to two milliseconds.
func NoLeaks(t testing.TB, opts ...LeakOption) context.Context {
	t.Helper()
	l := &leakTest{within: 2 * time.Second}
	for _, opt := range opts {
		if opt != nil {
			opt(l)
		}
	}
	for i := range l.runtimes {
		l.runtimes[i].prefix = prefixOf(l.runtimes[i].rt)
	}
	ctx := l.mark(t.Context(), t.Name())
	t.Cleanup(func() {
		pprof.SetGoroutineLabels(context.Background()) // this goroutine is none of those
		if left := l.wait(); left != "" {
			t.Errorf("haletest: %s outlives what it started:%s", t.Name(), left)
		}
	})
	return ctx
}

// leakTest is one use of [NoLeaks].
type leakTest struct {
	number   uint64
	runtimes []watched
	ignored  []string
	within   time.Duration

	borne bool // the last snapshot held a goroutine with one of the labels
}

// watched is a runtime whose goroutines are looked at.
type watched struct {
	rt     *hale.Runtime
	prefix string // of its cells' labels
}

var leakTests atomic.Uint64 // numbers them, so that their labels differ

const leakCell = "haletest."

// mark puts the label on the calling goroutine. It is written in the same terms
// as that of a task, so that a snapshot reads it; no runtime takes it for one of
// its own.
func (l *leakTest) mark(ctx context.Context, name string) context.Context {
	l.number = leakTests.Add(1)
	ctx = pprof.WithLabels(ctx, pprof.Labels(
		goroutine.LabelName, name, goroutine.LabelDomain, "haletest", goroutine.LabelCell, leakCell+strconv.FormatUint(l.number, 10),
	))
	pprof.SetGoroutineLabels(ctx)
	return ctx
}

// prefixOf returns what the cells of a runtime's tasks are called. A task is
// asked: there is no other way to know.
func prefixOf(rt *hale.Runtime) (prefix string) {
	asked := rt.Go(context.Background(), "haletest", func(ctx context.Context) error {
		cell, _ := pprof.Label(ctx, goroutine.LabelCell)
		number, _, _ := strings.Cut(cell, ".")
		prefix = number + "."
		return nil
	})
	_ = asked.Wait() // closed already: then nothing is found under it
	return prefix
}

// wait looks until nothing is left or the time is up, and tells what is left.
func (l *leakTest) wait() string {
	capturer := goroutine.NewCapturer(goroutine.Config{MemoryShare: 1}, l.resolve)
	deadline := time.Now().Add(l.within)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		l.borne = false
		left := l.left(capturer.Capture(time.Now()))
		if left == "" || !time.Now().Before(deadline) {
			return left
		}
		time.Sleep(pause)
	}
}

// resolve is a [goroutine.Resolve]. Whether a task has ended is told from the
// runtime's list.
func (l *leakTest) resolve(label goroutine.Label, _ time.Time) (observe.TaskID, time.Duration, bool) {
	if number, mine := strings.CutPrefix(label.Cell, leakCell); mine {
		mine = number == strconv.FormatUint(l.number, 10)
		l.borne = l.borne || mine
		return observe.TaskID{Name: leakCell, Seq: l.number}, -1, mine
	}
	for _, w := range l.runtimes {
		if w.prefix != "" && strings.HasPrefix(label.Cell, w.prefix) {
			l.borne = true
			return observe.TaskID{}, -1, true
		}
	}
	return observe.TaskID{}, -1, false
}

// left says what a snapshot holds that should not be there.
func (l *leakTest) left(s observe.Snapshot) string {
	if s.Skipped != "" {
		return "\n\tunknown: there is no goroutine profile: " + s.Skipped
	}
	live := map[string][]string{} // IDs by name
	for _, w := range l.runtimes {
		for _, task := range w.rt.Tasks() {
			if !l.ignores(task.Site.Function) {
				live[task.ID.Name] = append(live[task.ID.Name], fmt.Sprintf("%s, started to run %s", task.ID, task.Site))
			}
		}
	}
	var b strings.Builder
	shown := false
	for _, g := range s.Groups {
		if g.Name == "" {
			continue
		}
		if shown = true; l.ignores(g.Entry.Function) {
			continue
		}
		whose := ""
		if g.Task.Name != leakCell {
			whose = " of task " + g.Name + ", which has ended"
			if ids := live[g.Name]; len(ids) > 0 {
				whose = " of task " + strings.Join(ids, " and ") + ", which is still live"
			}
		}
		fmt.Fprintf(&b, "\n\t%d × %s%s: %s at %s", g.Count, g.Entry, whose, g.Wait, g.Blocked)
		if slices.ContainsFunc(idle, func(f string) bool { return strings.HasPrefix(g.Entry.Function, f) }) {
			b.WriteString(" (a connection that is kept: close idle connections, or use IgnoreIdle)")
		}
	}
	if l.borne && !shown { // a snapshot has no entry for these
		b.WriteString("\n\tgoroutines of hale's own: close the runtime and its subscriptions; or some that have not run yet")
	}
	return b.String()
}

func (l *leakTest) ignores(function string) bool {
	return slices.ContainsFunc(l.ignored, func(f string) bool { return f != "" && strings.HasPrefix(function, f) })
}
