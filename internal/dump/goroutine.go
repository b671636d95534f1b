package dump

import (
	"time"

	"github.com/hale-go/hale/internal/stack"
)

// Goroutine is one of a dump. Its strings and labels are shared between the goroutines
// of a dump: read them only.
type Goroutine struct {
	ID        uint64        // ID is the runtime's; 0 is a thread's own stack.
	State     string        // State is what it does or waits for, such as "running" or "chan receive".
	Wait      time.Duration // Wait is for how long, in whole minutes; 0 is less than one.
	Labels    []Label       // Labels are the profiler's, where Go prints them: from 1.27 on, or with GODEBUG=tracebacklabels=1 in 1.26.
	Locked    bool          // Locked tells that it is locked to its thread.
	Leaked    bool          // Leaked tells that the collector proved that nothing can wake it up.
	Durable   bool          // Durable tells that only its synctest bubble can wake it up.
	Bubble    uint64        // Bubble is the ID of its synctest bubble; 0 is none.
	Frames    []Frame       // Frames is the stack, innermost first; empty while it ran on another thread.
	Elided    int           // Elided is how many frames are missing, left out by Go or beyond a bound; -1 if Go did not say how many.
	CreatedBy Frame         // CreatedBy is the go statement; zero for the main goroutine and the runtime's.
	CreatedIn uint64        // CreatedIn is the ID of the goroutine that had it; 0 is unknown, as before Go 1.21.
	Ancestors []Goroutine   // Ancestors are where it comes from, with GODEBUG=tracebackancestors: ID, Frames, Elided and CreatedBy.
}

// Label is a label of the profiler.
type Label struct{ Key, Value string }

// Frame is a call on a stack.
type Frame struct {
	Func string // Func is as Go prints it: "main.(*T).run"; "panic" is runtime.gopanic. A function of C has "C." in front.
	File string // File is empty where it was not printed.
	Line int
}

// unnamed is a function of C whose name is not known.
const unnamed = "C.?"

// Fingerprint returns the 16 hexadecimal digits that [stack.FingerprintText] gives for
// the same stack. It takes about a microsecond.
func (g *Goroutine) Fingerprint() string {
	var o stack.Origin
	for i := range g.Frames {
		o.Add(g.Frames[i].Func)
	}
	return o.Fingerprint()
}
