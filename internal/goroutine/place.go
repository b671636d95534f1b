package goroutine

import "github.com/hale-go/hale/observe"

// frame is one call on a stack; inlined calls have frames of their own.
type frame struct {
	fn   *function
	line int
}

// entryOf returns the entry of a goroutine, the function that it was started
// to run. The stack is given innermost first. Going up from the root, that is
// the first frame which is not
//
//   - the runtime's (goexit, main, the runners of finalizers and cleanups),
//   - hale's own: package hale and hale/internal/…,
//   - a spawn wrapper, such as WaitGroup.Go, errgroup, conc,
//   - machinery for waiting: sync, time, iter, the library's internal packages.
//
// main's entry is main.main. A goroutine of the standard library has its root
// there, e.g. net/http.(*persistConn).readLoop, also while it calls back into
// other code: the entry of a goroutine never changes.
//
// Where all frames are such, the root-most one of the last two kinds serves,
// unless hale is on the stack. Then the goroutine is one of hale's own (an idle
// worker of a pool, a task before its body) and ok is false, as it is when all
// frames are the runtime's. So is one that runs the standard library under hale
// without a label of hale's, e.g. hale reading a file.
//
// The runtime cuts stacks at 128 frames, on the side of the root. The entry is
// then the outermost function that is left.
func entryOf(stack []frame, labelled bool) (site observe.Site, ok bool) {
	var rest, wrapper *frame
	hale := false
	for i := len(stack) - 1; i >= 0; i-- {
		f := &stack[i]
		switch c := f.fn.class; {
		case c&inHale != 0:
			hale = true
		case c&inRuntime != 0:
		case c&isSpawn != 0:
			if wrapper == nil {
				wrapper = f
			}
		case c&inWaiting != 0:
			if rest == nil {
				rest = f
			}
		case hale && !labelled && c&inStd != 0:
		default:
			return f.fn.declared(f.line), true
		}
	}
	if rest == nil {
		rest = wrapper
	}
	if hale || rest == nil {
		return observe.Site{}, false
	}
	return rest.fn.declared(rest.line), true
}

// blockedOf returns the place where a goroutine is blocked, as a person would
// put it: the innermost frame which is not
//
//   - the runtime's or machinery for waiting (see entryOf),
//   - of a package that waits on behalf of its caller: golang.org/x/sync, conc,
//     hale/lock, hale itself,
//   - for network and system calls: of a package that passes bytes through:
//     net, os, syscall, io, bufio, crypto/tls. Others of the library stay, since
//     database/sql.(*DB).conn says more than the line of the query does.
//
// Where all frames are such, the innermost one outside the runtime and the
// machinery serves, at last the innermost one of all. The line is that of the
// call; where the goroutine is running, and the line thus is chance, that of the
// function.
func blockedOf(stack []frame, wait observe.WaitKind) observe.Site {
	skip := inRuntime | inWaiting | inHale | isSync
	if wait == observe.WaitNetwork || wait == observe.WaitSyscall {
		skip |= inIO
	}
	for _, skip := range [...]class{skip, inRuntime | inWaiting, inRuntime, 0} {
		for i := range stack {
			if f := &stack[i]; f.fn.class&skip == 0 {
				if wait == observe.WaitRunning {
					return f.fn.declared(f.line)
				}
				return f.fn.at(f.line)
			}
		}
	}
	return observe.Site{}
}
