package goroutine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

// stack is one sample: a count and function names, innermost first, then a
// label after a bar: name, domain, cell.
type stack struct {
	count int64
	text  string
}

// profileOf builds a profile of one location a function. Functions are
// declared at line 10 and call from line 20.
func profileOf(stacks ...stack) *profile.Profile {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "goroutine", Unit: "count"}}}
	locations := map[string]*profile.Location{}
	for _, s := range stacks {
		sample := &profile.Sample{Value: []int64{s.count}}
		frames, label, _ := strings.Cut(s.text, "|")
		for name := range strings.FieldsSeq(frames) {
			l := locations[name]
			if l == nil {
				f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name, Filename: "x.go", StartLine: 10}
				l = &profile.Location{ID: uint64(len(p.Location) + 1), Line: []profile.Line{{Function: f, Line: 20}}}
				locations[name] = l
				p.Function, p.Location = append(p.Function, f), append(p.Location, l)
			}
			sample.Location = append(sample.Location, l)
		}
		if parts := strings.Fields(label); len(parts) == 3 {
			sample.Label = map[string][]string{
				goroutine.LabelName: parts[:1], goroutine.LabelDomain: parts[1:2], goroutine.LabelCell: parts[2:],
			}
		}
		p.Sample = append(p.Sample, sample)
	}
	return p
}

// fold folds a profile in its encoded form.
func fold(t *testing.T, p *profile.Profile, resolve goroutine.Resolve, limit int) ([]observe.Group, int) {
	t.Helper()
	groups, folded, err := goroutine.Fold(encoded(p), resolve, limit)
	if err != nil {
		t.Fatal(err)
	}
	return groups, folded
}

const (
	wait = "runtime.gopark runtime.chanrecv runtime.chanrecv1 "
	hale = "github.com/hale-go/hale.(*Pool).work "
	own  = "github.com/hale-go/hale/internal/spawn.run "
	mine = " | orders.consume orders c1"
)

func TestEntryAndBlocked(t *testing.T) {
	const sem = "runtime.gopark runtime.semacquire1 sync.runtime_SemacquireWaitGroup sync.(*WaitGroup).Wait "
	const poll = "runtime.gopark runtime.netpollblock internal/poll.runtime_pollWait internal/poll.(*FD).Read net.(*conn).Read "
	tests := []struct{ name, stack, entry, blocked string }{
		{"own function", wait + "a.b/x.f a.b/x.g", "a.b/x.g", "a.b/x.f"},
		{"main", wait + "main.main runtime.main", "main.main", "main.main"},
		{"hale at the root", wait + "a.b/x.f a.b/x.g " + hale + own + mine, "a.b/x.g", "a.b/x.f"},
		{"hale above", wait + hale + "a.b/x.f", "a.b/x.f", "a.b/x.f"},
		{"hale between", wait + "a.b/x.f " + hale + "a.b/x.g " + hale + mine, "a.b/x.g", "a.b/x.f"},
		{"idle worker", wait + hale + own, "", ""},
		{"idle worker with a label", wait + hale + own + mine, "", ""},
		{"worker in a mutex", sem + hale + mine, "", ""},
		{"hale in the library", "os.ReadFile " + hale, "", ""},
		{
			"body of the library", "runtime.gopark runtime.selectgo net/http.(*Server).Serve " + hale + mine,
			"net/http.(*Server).Serve", "net/http.(*Server).Serve",
		},
		{"isolated body", wait + "a.b/x.f github.com/hale-go/hale/isolate.guard.func1" + mine, "a.b/x.f", "a.b/x.f"},
		{
			"example", wait + "github.com/hale-go/hale/examples/shop.f " + hale + mine,
			"github.com/hale-go/hale/examples/shop.f", "github.com/hale-go/hale/examples/shop.f",
		},
		{"runtime only", "runtime.gopark runtime.runFinalizers", "", ""},
		{"nothing", "", "", ""},
		{"cleanup", wait + "a.b/x.f runtime.callCleanup[go.shape.int] runtime.runCleanups", "a.b/x.f", "a.b/x.f"},
		{"wait group", wait + "a.b/x.f sync.(*WaitGroup).Go.func1", "a.b/x.f", "a.b/x.f"},
		{"wait group of sync", sem + "sync.(*WaitGroup).Go.func1", "sync.(*WaitGroup).Wait", "sync.(*WaitGroup).Wait"},
		{"wait group before its function", "sync.(*WaitGroup).Go.func1", "sync.(*WaitGroup).Go.func1", "sync.(*WaitGroup).Go.func1"},
		{"errgroup", wait + "a.b/x.f golang.org/x/sync/errgroup.(*Group).Go.func1", "a.b/x.f", "a.b/x.f"},
		{"errgroup waits", sem + "golang.org/x/sync/errgroup.(*Group).Wait a.b/x.f", "a.b/x.f", "a.b/x.f"},
		{"conc", wait + "a.b/x.f github.com/sourcegraph/conc/panics.(*Catcher).Try github.com/sourcegraph/conc.(*WaitGroup).Go.func1", "a.b/x.f", "a.b/x.f"},
		{"conc's namesake", wait + "github.com/sourcegraph/concurrent.f", "github.com/sourcegraph/concurrent.f", "github.com/sourcegraph/concurrent.f"},
		{"iterator", wait + "a.b/x.f iter.Pull[go.shape.int].func1 runtime.corostart", "a.b/x.f", "a.b/x.f"},
		{
			"keep-alive", poll + "net/http.(*persistConn).Read bufio.(*Reader).fill net/http.(*persistConn).readLoop",
			"net/http.(*persistConn).readLoop", "net/http.(*persistConn).Read",
		},
		{
			"keep-alive on a user's conn", poll + "a.b/x.(*conn).Read net/http.(*persistConn).Read net/http.(*persistConn).readLoop",
			"net/http.(*persistConn).readLoop", "a.b/x.(*conn).Read",
		},
		{"read through buffers", poll + "io.ReadAtLeast bufio.(*Reader).Read a.b/x.f", "a.b/x.f", "a.b/x.f"},
		{
			"resolver", poll + "net.(*Resolver).lookupIPAddr.func2 internal/singleflight.(*Group).doCall",
			"net.(*Resolver).lookupIPAddr.func2", "net.(*conn).Read",
		},
		{"generic", wait + "a.b/x.(*Q[go.shape.struct_{_a.b/y.T_}]).pop.func1", "a.b/x.(*Q[...]).pop.func1", "a.b/x.(*Q[...]).pop.func1"},
		{"lock", wait + "github.com/hale-go/hale/lock.(*Mutex).Lock a.b/x.f", "a.b/x.f", "a.b/x.f"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			groups, _ := fold(t, profileOf(stack{1, test.stack}), all, 10)
			if test.entry == "" {
				if len(groups) != 0 {
					t.Errorf("got %+v, want the goroutine dropped", groups)
				}
				return
			}
			if len(groups) != 1 {
				t.Fatalf("got %d groups", len(groups))
			}
			g := groups[0]
			if g.Entry.Function != test.entry || g.Blocked.Function != test.blocked {
				t.Errorf("entry %s, blocked %s; want %s, %s", g.Entry.Function, g.Blocked.Function, test.entry, test.blocked)
			}
			if g.Entry.Line != 10 {
				t.Errorf("the entry is at line %d, want that of the declaration", g.Entry.Line)
			}
		})
	}
}

func TestClassify(t *testing.T) {
	for name, want := range map[string]bool{
		"github.com/hale-go/hale.Go":                        true,
		"github.com/hale-go/hale.(*Pool[go.shape.int]).x":   true,
		"github.com/hale-go/hale.run[a.b/c.T]":              true,
		"github.com/hale-go/hale/internal/x/y.f":            true,
		"github.com/hale-go/hale/internal/goroutine_test.f": false,
		"github.com/hale-go/hale_test.f":                    false,
		"github.com/hale-go/hale/halehttp.f":                false,
		"github.com/hale-go/hale/examples/shop.f":           false,
		"github.com/hale-go/haler.f":                        false,
		"a.b/c.run[github.com/hale-go/hale.T]":              false,
	} {
		if got, _ := goroutine.Classify(name); got != want {
			t.Errorf("%s is hale's: %v, want %v", name, got, want)
		}
	}
}

func TestFoldAddsUpWhatIsEqualOnceResolved(t *testing.T) {
	ended := map[string]time.Duration{
		"open": -5 * time.Second, "late": -1, "a": 3100 * time.Millisecond, "b": 3900 * time.Millisecond,
		"c": 4 * time.Second, "old": time.Hour, "older": 2 * time.Hour,
	}
	asked := map[goroutine.Label]int{}
	resolve := func(l goroutine.Label, _ time.Time) (observe.TaskID, time.Duration, bool) {
		asked[l]++
		d, ok := ended[l.Cell]
		return observe.TaskID{}, d, ok
	}
	var stacks []stack
	for _, cell := range []string{"c", "older", "foreign", "b", "open", "old", "late", "a"} {
		for range 2 {
			stacks = append(stacks, stack{1, wait + "a.b/x.f | n d " + cell})
		}
	}
	stacks = append(stacks, stack{5, wait + "a.b/x.f"}, stack{0, wait + "a.b/x.gone"})
	p := profileOf(stacks...)
	groups, folded := fold(t, p, resolve, 100)
	want := []struct {
		name  string
		ended time.Duration
		count int
	}{{"", -1, 7}, {"n", -1, 4}, {"n", 3 * time.Second, 4}, {"n", 4 * time.Second, 2}, {"n", 90 * time.Second, 4}}
	if len(groups) != len(want) || folded != 0 {
		t.Fatalf("got %+v, %d folded", groups, folded)
	}
	for i, w := range want {
		if g := groups[i]; g.Name != w.name || g.Ended != w.ended || g.Count != w.count || (g.Domain == "") != (w.name == "") {
			t.Errorf("group %d is %+v, want %+v", i, g, w)
		}
	}
	for l, n := range asked {
		if n != 1 || l == (goroutine.Label{}) {
			t.Errorf("%+v was resolved %d times", l, n)
		}
	}
	slices.Reverse(p.Sample)
	if again, _ := fold(t, p, resolve, 100); !slices.Equal(again, groups) {
		t.Errorf("the order of the samples matters: %+v", again)
	}
}

func TestFoldKeepsTheLargestGroups(t *testing.T) {
	p := profileOf(stack{1, "a.b/x.a"}, stack{9, "a.b/x.z"}, stack{2, "a.b/x.m"}, stack{2, "a.b/x.c"}, stack{3, hale})
	groups, folded := fold(t, p, all, 2)
	if len(groups) != 2 || groups[0].Entry.Function != "a.b/x.c" || groups[1].Entry.Function != "a.b/x.z" || folded != 3 {
		t.Errorf("got %+v, %d folded", groups, folded)
	}
}

func TestFoldGivesTasksTheirOwnGroups(t *testing.T) {
	resolve := func(l goroutine.Label, _ time.Time) (observe.TaskID, time.Duration, bool) {
		return observe.TaskID{Name: l.Name, Seq: uint64(len(l.Cell))}, -1, true
	}
	groups, _ := fold(t, profileOf(stack{1, "a.b/x.f | n d cc"}, stack{1, "a.b/x.f | n d c"}), resolve, 9)
	if len(groups) != 2 || groups[0].Task.Seq != 1 || groups[1].Task.Seq != 2 {
		t.Errorf("got %+v", groups)
	}
}
