package run

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hale-go/hale/internal/dump"
	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/internal/stack"
)

// words is what a service has said on stderr: the last of it, and what Go said of its end.
// One goroutine writes it; when that has ended another reads it.
type words struct {
	parser dump.Parser
	ended  bool        // nothing follows
	crash  *dump.Crash // with which it ended; nil: with none
	last   []byte
}

// Bounds of what is kept of a service's last words.
const (
	maxLast   = 8 << 10 // bytes
	maxLines  = 10
	maxText   = 300 // bytes of each
	maxStack  = 32  // frames
	maxGroups = 8
)

func newWords() *words {
	w := &words{}
	w.parser.Crash = func(c *dump.Crash) {
		// Anybody may write "panic:". A process that Go ends of one says where its goroutines
		// are, and then nothing more; one that has logged a panic goes on.
		if w.ended && !c.Survived && (len(c.Goroutines) > 0 || len(c.System) > 0 || c.Kind == dump.ThreadLimit) {
			w.crash = c
		}
	}
	return w
}

// end ends what it says.
func (w *words) end() {
	w.ended = true
	w.parser.Flush()
}

// Write takes the next part of it.
func (w *words) Write(p []byte) {
	_, _ = w.parser.Write(p) // it never fails
	w.last = append(w.last, p[max(0, len(p)-maxLast):]...)
	if len(w.last) > maxLast {
		w.last = w.last[:copy(w.last, w.last[len(w.last)-maxLast:])]
	}
}

// lines returns the last lines.
func (w *words) lines() (out []string) {
	all := bytes.Split(bytes.TrimSpace(w.last), []byte("\n"))
	for _, line := range all[max(0, len(all)-maxLines):] {
		if text := plain(string(line[:min(len(line), maxText)])); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// outOfFiles is what the system calls it when a process may open no more files.
const outOfFiles = "too many open files"

// explain puts into an incident what the service said of its end.
func (w *words) explain(i *Incident) {
	switch c := w.crash; {
	case i.Fault == FaultHang || i.Fault == FaultNeverReady || i.Fault == FaultStopHangs:
		if c == nil {
			break
		}
		i.Goroutines, i.Groups = len(c.Goroutines)+c.Dropped, groups(c.Goroutines)
		if at := slices.IndexFunc(c.Goroutines, isMain); at >= 0 && i.Fault != FaultHang { // it is what gets ready, and ends
			i.Site, i.Stack = site(c.Goroutines[at].Frames)+caller(c.Goroutines[at].Frames), places(c.Goroutines[at].Frames)
		}
	case i.Fault != FaultExit && i.Fault != FaultKilled:
	case c != nil && (i.ExitCode == 2 || i.Signal != ""): // as Go ends what crashes; or it has only told of a panic
		i.Output = w.lines()
		i.Fault, i.Kind = FaultCrash, string(c.Kind)
		i.Message = plain(strings.TrimSpace(string(c.Kind) + ": " + cmp.Or(c.Message, c.Signal)))
		if c.Kind != dump.Panic && c.Message != "" { // "fatal error: all goroutines are asleep - deadlock!"
			i.Message = plain("fatal error: " + c.Message)
		}
		i.Fingerprint, i.Goroutines = c.Fingerprint(), len(c.Goroutines)+c.Dropped
		if len(c.Goroutines) > 0 {
			i.Site, i.Stack = site(c.Goroutines[0].Frames), places(c.Goroutines[0].Frames)
		}
	default:
		i.Output = w.lines()
		if bytes.Contains(w.last, []byte(outOfFiles)) {
			i.Fault, i.Message = FaultFiles, i.Message+": "+outOfFiles
		}
	}
}

// site returns where a fault began: the innermost function that is not the runtime's, of
// what is below a panic.
func site(frames []dump.Frame) string {
	out := ""
	for _, f := range frames {
		switch {
		case stack.Handles(f.Func):
			out = ""
		case strings.HasPrefix(f.Func, "runtime.") || strings.HasPrefix(f.Func, "internal/"):
		case out == "":
			out = place(f)
		}
	}
	return out
}

// caller names who called what a goroutine waits in, where that is the standard library's:
// everybody waits there.
func caller(frames []dump.Frame) string {
	for i, f := range frames {
		switch {
		case goroutine.Standard(f.Func):
		case i == 0 || !goroutine.Standard(frames[i-1].Func) || site(frames[:i]) == "":
			return ""
		default:
			return " in " + place(f)
		}
	}
	return ""
}

func place(f dump.Frame) string { return fmt.Sprintf("%s %s:%d", f.Func, base(f.File), f.Line) }

// base returns the name of a file, whichever system wrote its path.
func base(file string) string { return file[strings.LastIndexAny(file, `/\\`)+1:] }

func places(frames []dump.Frame) (out []string) {
	for _, f := range frames[:min(len(frames), maxStack)] {
		out = append(out, place(f))
	}
	return out
}

// groups says where most goroutines are: the main one and those that wait for a lock before
// others, since what hangs is often one, and hale's own last.
func groups(all []dump.Goroutine) (out []string) {
	type group struct {
		text        string
		rank, count int
	}
	found := map[string]*group{}
	for i := range all {
		g := &all[i]
		at := site(g.Frames)
		if at == "" {
			continue
		}
		text := g.State + " at " + at + caller(g.Frames)
		if found[text] == nil {
			found[text] = &group{text: text, rank: rank(g)}
		}
		found[text].count++
		found[text].rank = min(found[text].rank, rank(g))
	}
	first := slices.SortedFunc(maps.Values(found), func(a, b *group) int {
		return cmp.Or(a.rank-b.rank, b.count-a.count, strings.Compare(a.text, b.text))
	})
	for _, g := range first[:min(len(first), maxGroups)] {
		out = append(out, fmt.Sprintf("%d: %s", g.count, g.text))
	}
	return out
}

// rank is lower the more a goroutine says about why its process hangs.
func rank(g *dump.Goroutine) int {
	switch {
	case isMain(*g):
		return 0
	case strings.HasPrefix(g.State, "sync.") && !strings.HasPrefix(g.State, "sync.WaitGroup"), strings.HasPrefix(g.State, "semacquire"):
		return 1
	case !slices.ContainsFunc(g.Frames, func(f dump.Frame) bool { return !goroutine.Standard(f.Func) && !strings.HasPrefix(f.Func, halePath) }):
		return 3
	}
	return 2
}

func isMain(g dump.Goroutine) bool { return g.ID == 1 }

const halePath = "github.com/hale-go/hale"
