package goroutine

import (
	"strings"

	"github.com/hale-go/hale/observe"
)

// class says which part a function plays on a stack. A function has several.
type class uint16

const (
	inRuntime class = 1 << iota // package runtime and what lies under it
	inWaiting                   // machinery for waiting: sync, time, iter, the library's internals
	inStd                       // the standard library, the two above included
	inIO                        // passes bytes through: net, os, bufio, …
	inHale                      // hale's own
	isSpawn                     // calls, on a new goroutine, the function that somebody gave it
	isSync                      // waits on behalf of its caller, outside the standard library
)

// function is what the analysis knows about one function of a profile.
type function struct {
	name  string // type arguments shortened to [...], as in tracebacks
	file  string
	start int // line of its declaration; 0 is unknown
	class class
	wait  waitMark
}

const halePath = "github.com/hale-go/hale"

// stdRoots are the first elements of the standard library's import paths. The
// go command reserves them, so no module of a user's is called by one.
var stdRoots = set(`archive bufio bytes cmp compress container context crypto
	database debug embed encoding errors expvar flag fmt go hash html image index
	internal io iter log maps math mime net os path plugin reflect regexp runtime
	simd slices sort strconv strings structs sync syscall testing text time unicode
	unique unsafe vendor weak`)

// ioPackages pass bytes through. Blocked in one of them, a goroutine waits for
// its peer, and a person wants to know who asked.
var ioPackages = set(`net os syscall io bufio crypto/tls
	internal/poll golang.org/x/sys/unix golang.org/x/sys/windows`)

// spawnFunctions run a function that was given to them on a new goroutine.
// Without this list all goroutines of a WaitGroup would have one entry.
var spawnFunctions = set(`sync.(*WaitGroup).Go.func1 runtime/pprof.Do
	testing.tRunner iter.Pull[...].func1 iter.Pull2[...].func1`)

// spawnPackages do nothing but that, in functions of many names. hale/isolate
// runs detached bodies, by failsafe-go in part.
var spawnPackages = []string{
	"golang.org/x/sync/errgroup", "github.com/sourcegraph/conc",
	"github.com/failsafe-go/failsafe-go", halePath + "/isolate",
}

// syncPackages wait on behalf of their callers, as package sync does.
var syncPackages = append([]string{
	"golang.org/x/sync", halePath + "/lock",
}, spawnPackages...)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// within reports whether path is one of the packages or lies under one.
func within(path string, packages []string) bool {
	for _, p := range packages {
		if rest, ok := strings.CutPrefix(path, p); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// newFunction classifies one function of a profile; about 0.3 µs.
func newFunction(name, file string, start int) function {
	name = shorten(name)
	return function{
		name:  name,
		file:  file,
		start: start,
		class: classify(name),
		wait:  waitMarks[name],
	}
}

// Standard reports whether a function, as a traceback names it, is of the standard library.
func Standard(name string) bool { return classify(shorten(name))&inStd != 0 }

func classify(name string) (c class) {
	pkg := importPath(name)
	root, _, _ := strings.Cut(pkg, "/")
	if stdRoots[root] {
		c |= inStd
		switch {
		case root == "internal" && !strings.HasPrefix(pkg, "internal/runtime/"),
			root == "sync", root == "time", root == "iter":
			c |= inWaiting
		case pkg == "runtime", root == "internal", strings.HasPrefix(pkg, "runtime/internal/"):
			c |= inRuntime
		}
		// What other packages link from the runtime bears their name.
		if strings.Contains(name, ".runtime_") {
			c |= inRuntime
		}
	}
	if ioPackages[pkg] {
		c |= inIO
	}
	// The tests of hale's internals in package x_test are users of them: an
	// import path never ends like that otherwise.
	if (pkg == halePath || strings.HasPrefix(pkg, halePath+"/internal/")) && !strings.HasSuffix(pkg, "_test") {
		c |= inHale
	}
	if spawnFunctions[name] || within(pkg, spawnPackages) {
		c |= isSpawn
	}
	if within(pkg, syncPackages) {
		c |= isSync
	}
	return c
}

// importPath returns the import path in a function's full name. The linker
// escapes dots in the last element of a path, so the first dot ends it.
func importPath(name string) string {
	if i := strings.IndexByte(name, '['); i >= 0 {
		name = name[:i] // type arguments have paths of their own
	}
	slash := strings.LastIndexByte(name, '/') + 1
	if dot := strings.IndexByte(name[slash:], '.'); dot >= 0 {
		return name[:slash+dot]
	}
	return name
}

// shorten does to type arguments what the runtime does in tracebacks, so that
// a site reads the same in a snapshot and in a panic.
func shorten(name string) string {
	i := strings.IndexByte(name, '[')
	if i < 0 {
		return name
	}
	j := strings.LastIndexByte(name, ']')
	if j < i {
		return name
	}
	return name[:i] + "[...]" + name[j+1:]
}

// declared is the site of the function itself. Its line does not change as the
// goroutine moves on inside the function.
func (f *function) declared(line int) observe.Site {
	if f.start > 0 {
		line = f.start
	}
	return f.at(line)
}

func (f *function) at(line int) observe.Site {
	return observe.Site{Function: f.name, File: f.file, Line: line}
}
