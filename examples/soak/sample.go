package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"
)

// Sample is what hale itself takes at one moment.
type Sample struct {
	At         time.Duration
	Memory     float64 // bytes that live allocations of hale's code take, estimated from the heap profile
	Goroutines float64 // that run nothing but hale's code
	Files      float64 // of the process that are no sockets; 0 where the system does not tell
}

func (s Sample) String() string {
	return fmt.Sprintf("hale: %5.0f KB, %2.0f goroutines, %2.0f files;", s.Memory/1024, s.Goroutines, s.Files)
}

func measure(at time.Duration) Sample {
	return Sample{At: at, Memory: memory(), Goroutines: float64(goroutines()), Files: float64(files())}
}

// memory adds up what the heap profile says of hale.
func memory() float64 {
	runtime.GC() // the profile is as of the second last collection
	runtime.GC()
	n, _ := runtime.MemProfile(nil, false)
	records := make([]runtime.MemProfileRecord, n+64)
	n, ok := runtime.MemProfile(records, false)
	if !ok {
		return 0
	}
	sum := 0.0
	for _, r := range records[:n] {
		if ofHale(functions(r.Stack())) {
			sum += scaled(r.InUseBytes(), r.InUseObjects(), runtime.MemProfileRate)
		}
	}
	return sum
}

// scaled estimates how many bytes there are in all where a sample of them was
// seen: one in so many bytes, so small objects are seen less often.
func scaled(bytes, objects int64, rate int) float64 {
	if bytes <= 0 || objects <= 0 || rate <= 1 {
		return float64(max(bytes, 0))
	}
	size := float64(bytes) / float64(objects)
	return float64(bytes) / (1 - math.Exp(-size/float64(rate)))
}

// goroutines counts those that run nothing but hale's code.
func goroutines() int {
	records := make([]runtime.StackRecord, runtime.NumGoroutine()+256)
	n, ok := runtime.GoroutineProfile(records)
	if !ok {
		return 0
	}
	sum := 0
	for _, r := range records[:n] {
		if onlyHale(functions(r.Stack())) {
			sum++
		}
	}
	return sum
}

// functions returns the names on a stack, innermost first.
func functions(stack []uintptr) []string {
	var out []string
	frames := runtime.CallersFrames(stack)
	for {
		f, more := frames.Next()
		if f.Function != "" {
			out = append(out, f.Function)
		}
		if !more {
			return out
		}
	}
}

// owner says whose code a function is.
type owner int

const (
	library owner = iota // the standard library, and what only hale uses
	halesOwn
	others
)

func ownerOf(function string) owner {
	const hale = "github.com/hale-go/hale"
	root, _, _ := strings.Cut(function, "/")
	switch rest, ours := strings.CutPrefix(function, hale); {
	case strings.HasPrefix(function, "main."):
		return others
	case !strings.Contains(function, "/"), !strings.Contains(root, "."), strings.HasPrefix(function, "github.com/google/pprof/"):
		return library
	case ours && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "/")) && !strings.HasPrefix(rest, "/examples/"):
		return halesOwn
	}
	return others
}

// ofHale reports whether hale's code asked for what the innermost function was
// called for.
func ofHale(stack []string) bool {
	for _, f := range stack {
		if o := ownerOf(f); o != library {
			return o == halesOwn
		}
	}
	return false
}

// onlyHale reports whether a stack holds hale's functions and nobody else's.
func onlyHale(stack []string) bool {
	found := false
	for _, f := range stack {
		switch ownerOf(f) {
		case others:
			return false
		case halesOwn:
			found = true
		}
	}
	return found
}

// files counts open files that are no sockets: those are the service's.
func files() int {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0 // not on this system
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink(dir + "/" + e.Name()); err == nil && !strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}
