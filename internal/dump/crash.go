package dump

import (
	"strings"
)

// Kind is why a process ended.
type Kind string

// The kinds of crashes.
const (
	Panic         Kind = "panic"          // Panic is one that nobody recovered from.
	Deadlock      Kind = "deadlock"       // Deadlock: all goroutines were asleep.
	MapRace       Kind = "map race"       // MapRace: a map was written to and used by others at once.
	OutOfMemory   Kind = "out of memory"  // OutOfMemory: the system gave no more.
	StackOverflow Kind = "stack overflow" // StackOverflow: a goroutine's stack grew beyond its limit.
	ThreadLimit   Kind = "thread limit"   // ThreadLimit: the system, or the runtime's own limit, allowed no more threads.
	Signal        Kind = "signal"         // Signal: the process was sent one, or a thread outside of Go caused one.
	Fatal         Kind = "fatal error"    // Fatal is any other error of the runtime.
)

// Crash is the end of a process, as it says itself.
type Crash struct {
	Kind Kind
	// Message is the value of the first panic, or the text of the fatal error; empty for a
	// signal. Before Go 1.23 the lines of a panic's value were not indented: a line that
	// another writer put there is taken for one.
	Message string
	Nested  []string // Nested are the panics and fatal errors on top of it, each raised while the one before was handled.
	Signal  string   // Signal is the name of the signal if there was one, such as "SIGSEGV"; its number where it has no name.
	Notes   []string // Notes are what the runtime said besides, such as how much memory it asked for in vain.

	// Goroutines are those that were printed, the one at fault first. For a signal from
	// outside none is at fault. They are bounded by MaxGoroutines and MaxBytes.
	Goroutines []Goroutine
	Dropped    int     // Dropped is how many goroutines are missing for that, or because their header could not be read.
	System     []Frame // System is the stack of the thread that failed inside of the runtime, if it was printed.

	// Survived tells that the stack was printed by the program itself, by runtime/debug,
	// so that it may well have gone on: somebody logged a panic that was recovered.
	Survived bool
	// Truncated tells that the input ended within the dump, as far as can be seen.
	Truncated bool
}

// Fingerprint returns the 16 hexadecimal digits that [stack.FingerprintText] gives for
// the whole dump, which are those of its first goroutine, and "" where there is none.
func (c *Crash) Fingerprint() string {
	if len(c.Goroutines) == 0 {
		return ""
	}
	return c.Goroutines[0].Fingerprint()
}

// fatalKinds are told by the text of a fatal error. The first that fits holds.
var fatalKinds = []struct {
	text string
	kind Kind
}{
	{"- deadlock!", Deadlock},
	{"concurrent map ", MapRace},
	{"out of memory", OutOfMemory},
	{"cannot allocate memory", OutOfMemory},
	{"stack overflow", StackOverflow},
	{"newosproc", ThreadLimit},
	{"thread exhaustion", ThreadLimit},
}

// kindOf returns the kind of a fatal error.
func kindOf(message string) Kind {
	for _, k := range fatalKinds {
		if strings.Contains(message, k.text) {
			return k.kind
		}
	}
	return Fatal
}

// noThread tells that a note says that there was no thread to be had. It is said by C
// code too, which then aborts, and on some systems without any dump.
func noThread(note string) bool {
	return strings.Contains(note, "failed to create new OS thread") || strings.Contains(note, "pthread_create failed")
}

// complete settles what only the whole crash tells.
func (c *Crash) complete() {
	for _, note := range c.Notes {
		if noThread(note) && (c.Kind == "" || c.Kind == Signal || c.Kind == Fatal) {
			c.Kind = ThreadLimit
		}
	}
	c.Message = unmarked(c.Message)
	for i := range c.Nested {
		c.Nested[i] = unmarked(c.Nested[i])
	}
	if len(c.Goroutines) == 0 {
		return
	}
	for i := range c.Goroutines[0].Frames {
		if c.Goroutines[0].Frames[i].Func == "runtime/debug.Stack" {
			c.Survived = true
		}
	}
}

// unmarked takes off what Go adds to the value of a panic.
func unmarked(message string) string {
	message = strings.TrimSuffix(message, " [recovered]")
	return strings.TrimSuffix(message, " [recovered, repanicked]")
}
