//go:build unix

package dump_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale/internal/dump"
	"github.com/hale-go/hale/internal/stack"
)

// program builds testdata/crash with the toolchain at hand, once.
var program = sync.OnceValues(func() (path string, err error) {
	dir, err := os.MkdirTemp("", "crash")
	if err != nil {
		return "", err
	}
	built = dir
	path = filepath.Join(dir, "crash")
	build := exec.Command("go", "build", "-o", path, "./testdata/crash")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // with it, C's threads hide deadlocks
	build.Stderr = os.Stderr
	return path, build.Run()
})

// crash runs the program and returns what it wrote to its standard error.
func crash(t *testing.T, way string, parked bool, env ...string) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, way)
	if parked {
		cmd.Args = append(cmd.Args, "parked")
	}
	cmd.Env = append(os.Environ(), env...)
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Run(); (err == nil) != (way == "survived" || way == "deepcaught") {
		t.Errorf("%s ended with %v", way, err)
	}
	return out.String()
}

var (
	headerLine = regexp.MustCompile(`(?m)^goroutine \d+ .*:$`)
	placeLine  = regexp.MustCompile(`(?m)^\t.+:\d+( .*)?$`)
)

// complete checks that all of a dump was read: each goroutine, and each place in the
// code, with its function.
func complete(t *testing.T, text string, goroutines []dump.Goroutine, more ...dump.Frame) {
	t.Helper()
	if want := len(headerLine.FindAllString(text, -1)); len(goroutines) != want || want == 0 && len(more) == 0 {
		t.Errorf("%d of %d goroutines", len(goroutines), want)
	}
	places := 0
	count := func(all ...dump.Frame) {
		for _, f := range all {
			if f.Func == "" || f.File == "" || f.Line <= 0 {
				t.Errorf("frame %+v", f)
			}
			places++
		}
	}
	count(more...)
	for _, g := range goroutines {
		if g.State == "" {
			t.Errorf("no state: %s", renderGoroutine(&g, "goroutine"))
		}
		for _, g := range append([]dump.Goroutine{g}, g.Ancestors...) {
			count(g.Frames...)
			if g.CreatedBy != (dump.Frame{}) {
				count(g.CreatedBy)
			}
		}
	}
	if want := len(placeLine.FindAllString(text, -1)); places != want {
		t.Errorf("%d of %d places", places, want)
	}
	if t.Failed() {
		t.Log(text)
	}
}

// Real processes crash in each way, with each amount of detail.
func TestLive(t *testing.T) {
	for way, want := range map[string]dump.Crash{
		"panic":      {Kind: dump.Panic, Message: "boom"},
		"error":      {Kind: dump.Panic, Message: "order 7: no stock"},
		"struct":     {Kind: dump.Panic, Message: "(main.problem) "},
		"named":      {Kind: dump.Panic, Message: "main.code(\"a\nb\")"},
		"multiline":  {Kind: dump.Panic, Message: "first\nsecond\n\tthird"},
		"nil":        {Kind: dump.Panic, Message: "runtime error: invalid memory address", Signal: "SIGSEGV"},
		"index":      {Kind: dump.Panic, Message: "runtime error: index out of range"},
		"nested":     {Kind: dump.Panic, Message: "inner", Nested: []string{"outer"}},
		"recovered":  {Kind: dump.Panic, Message: "inner", Nested: []string{"again: inner"}},
		"repanicked": {Kind: dump.Panic, Message: "same"},
		"deep":       {Kind: dump.Panic, Message: "deep"},
		"survived":   {Kind: dump.Panic, Message: "caught", Survived: true},
		"deepcaught": {Kind: dump.Panic, Message: "deep", Survived: true},
		"deadlock":   {Kind: dump.Deadlock, Message: "all goroutines are asleep"},
		"goexit":     {Kind: dump.Deadlock, Message: "no goroutines"},
		"unlock":     {Kind: dump.Fatal, Message: "sync: unlock of unlocked mutex"},
		"map":        {Kind: dump.MapRace, Message: "concurrent map writes"},
		"mapread":    {Kind: dump.MapRace, Message: "concurrent map "},
		"overflow":   {Kind: dump.StackOverflow, Message: "stack overflow"},
		"memory":     {Kind: dump.OutOfMemory},
		"threads":    {Kind: dump.ThreadLimit, Message: "thread exhaustion"},
		"quit":       {Kind: dump.Signal, Signal: "SIGQUIT"},
		"abort":      {Kind: dump.Signal, Signal: "SIGABRT"},
		"segv":       {Kind: dump.Signal, Signal: "SIGSEGV"},
	} {
		t.Run(way, func(t *testing.T) {
			for _, env := range [][]string{
				{"GOTRACEBACK=single"}, {"GOTRACEBACK=all", "GODEBUG=tracebacklabels=1,tracebackancestors=3"}, {"GOTRACEBACK=system", "GODEBUG=tracebackancestors=2"},
			} {
				text := crash(t, way, false, env...)
				all := crashes("log line\n"+text, 0)
				if len(all) != 1 {
					t.Fatalf("%s: %d crashes in\n%s", env, len(all), text)
				}
				c := all[0]
				if c.Kind != want.Kind || !strings.HasPrefix(c.Message, want.Message) || strings.Join(c.Nested, "") != strings.Join(want.Nested, "") ||
					c.Signal != want.Signal || c.Survived != want.Survived || c.Truncated || c.Dropped > 0 {
					t.Errorf("%s: %s", env, render(c))
				}
				if way == "goexit" && env[0] != "GOTRACEBACK=system" {
					continue // there is no goroutine
				}
				complete(t, text, c.Goroutines, c.System...)
				sameFingerprints(t, text)
			}
		})
	}
	// GOTRACEBACK=none leaves the head.
	if all := crashes(crash(t, "panic", false, "GOTRACEBACK=none"), 0); len(all) != 1 || all[0].Message != "boom" || len(all[0].Goroutines) != 0 {
		t.Errorf("none: %s", renderAll(all))
	}
}

// The same panic is the same fault, whether it ends the process or is caught, and logged
// or not.
func TestSameFault(t *testing.T) {
	caught := crash(t, "deepcaught", false)
	want, ok := stack.FingerprintText(caught)
	if !ok {
		t.Fatal(caught)
	}
	for _, text := range []string{caught, crash(t, "deep", false, "GOTRACEBACK=single"), crash(t, "deep", true, "GOTRACEBACK=system", "GODEBUG=tracebacklabels=1")} {
		if got := crashes(text, 0)[0].Fingerprint(); got != want {
			t.Errorf("fingerprint %s, in process %s, of\n%s", got, want, text)
		}
	}
	if other := crashes(crash(t, "panic", false), 0)[0].Fingerprint(); other == want {
		t.Error("another panic has the same fingerprint")
	}
}

// Each kind of wait there is, and labels and ancestors. Nothing tells when all goroutines
// of the program have come to where they wait, so it is tried again.
func TestLiveHeaders(t *testing.T) {
	var missing []string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		text := crash(t, "quit", true, "GOTRACEBACK=all", "GODEBUG=tracebacklabels=1,tracebackancestors=3")
		c := crashes(text, 0)[0]
		complete(t, text, c.Goroutines)
		sameFingerprints(t, text)
		seen := map[string]bool{}
		for _, g := range c.Goroutines {
			seen[g.State] = true
			for _, l := range g.Labels {
				seen[l.Key+"="+l.Value] = true
			}
			seen["ancestors"] = seen["ancestors"] || len(g.Ancestors) == 3
			seen["locked"] = seen["locked"] || g.Locked
			seen["elided"] = seen["elided"] || g.Elided > 0
		}
		missing = nil
		for _, want := range []string{
			"chan receive", "chan send", "chan receive (nil chan)", "chan send (nil chan)", "select", "select (no cases)", "sync.Mutex.Lock", "sync.RWMutex.RLock",
			"sync.WaitGroup.Wait", "sync.Cond.Wait", "sleep", "IO wait", "with \"quotes\"=a]: b\n{c}, d: é", "task=plain", "ancestors", "locked", "elided",
		} {
			if !seen[want] {
				missing = append(missing, want)
			}
		}
		if len(missing) == 0 || t.Failed() {
			return
		}
	}
	t.Errorf("never seen: %q", missing)
}

// Goroutines in a bubble of synctest say so, and whether only the bubble can wake them.
func TestLiveBubble(t *testing.T) {
	var text string
	synctest.Test(t, func(t *testing.T) {
		release, ended := make(chan struct{}), make(chan struct{})
		for _, f := range []func(){func() { <-release }, func() {
			select {
			case <-release:
			case <-ended:
			}
		}, func() { time.Sleep(time.Minute) }} {
			go pprof.Do(context.Background(), pprof.Labels("task", "x"), func(context.Context) { f() })
		}
		synctest.Wait()
		buf := make([]byte, 1<<20)
		text = string(buf[:runtime.Stack(buf, true)])
		close(release)
		time.Sleep(time.Hour) // of the bubble's: the sleeper ends too
	})
	durable, bubble := map[string]bool{}, uint64(0)
	var all []dump.Goroutine
	for _, g := range goroutines(t, text) {
		all = append(all, *g)
		if g.Bubble > 0 {
			durable[g.State] = g.Durable
			bubble = g.Bubble
		}
	}
	if bubble == 0 || !durable["chan receive"] || !durable["select"] || !durable["sleep"] {
		t.Errorf("bubble %d, durable %v in\n%s", bubble, durable, text)
	}
	complete(t, text, all)
	sameFingerprints(t, text)
}
