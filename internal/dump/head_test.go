package dump_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hale-go/hale/internal/dump"
)

const oneStack = "\ngoroutine 7 [running]:\n" + stackOf

func TestHeads(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       dump.Crash
	}{
		{"panic", "panic: boom\n" + oneStack, dump.Crash{Kind: dump.Panic, Message: "boom"}},
		{"error", "panic: main.E{Code:7} [recovered]\n\tpanic: open /a: no such file [recovered, repanicked]\n\tpanic: last\n" + oneStack, dump.Crash{Kind: dump.Panic, Message: "main.E{Code:7}", Nested: []string{"open /a: no such file", "last"}}},
		{"lines", "panic: a\n\tb\n\t\n\t\tgoroutine 1 [running]: [recovered]\n" + oneStack, dump.Crash{Kind: dump.Panic, Message: "a\nb\n\n\tgoroutine 1 [running]:"}},
		{"lines before Go 1.23", "panic: a\nb\n  c [recovered]\n" + oneStack, dump.Crash{Kind: dump.Panic, Message: "a\nb\n  c"}},
		{"nil dereference", "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48d2a3]\n" + oneStack, dump.Crash{Kind: dump.Panic, Message: "runtime error: invalid memory address or nil pointer dereference", Signal: "SIGSEGV"}},
		{"Windows", "panic: x\n[signal 0xc0000005 code=0x0 addr=0x0 pc=0x48d2a3]\n" + oneStack, dump.Crash{Kind: dump.Panic, Message: "x", Signal: "0xc0000005"}},
		{"fatal in a panic", "panic: x\n\tfatal error: concurrent map writes\n" + oneStack, dump.Crash{Kind: dump.MapRace, Message: "x", Nested: []string{"concurrent map writes"}}},
		{"deadlock", "fatal error: all goroutines are asleep - deadlock!\n" + oneStack, dump.Crash{Kind: dump.Deadlock, Message: "all goroutines are asleep - deadlock!"}},
		{"main exited", "fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n" + oneStack, dump.Crash{Kind: dump.Deadlock, Message: "no goroutines (main called runtime.Goexit) - deadlock!"}},
		{"map writes", "fatal error: concurrent map writes\n" + oneStack, dump.Crash{Kind: dump.MapRace, Message: "concurrent map writes"}},
		{"map read", "fatal error: concurrent map read and map write\n" + oneStack, dump.Crash{Kind: dump.MapRace, Message: "concurrent map read and map write"}},
		{"map iteration", "fatal error: concurrent map iteration and map write\n" + oneStack, dump.Crash{Kind: dump.MapRace, Message: "concurrent map iteration and map write"}},
		{"memory", "runtime: out of memory: cannot allocate 4194304-byte block (66813952 in use)\nfatal error: out of memory\n" + oneStack, dump.Crash{Kind: dump.OutOfMemory, Message: "out of memory", Notes: []string{"runtime: out of memory: cannot allocate 4194304-byte block (66813952 in use)"}}},
		{"memory of the system", "fatal error: runtime: cannot allocate memory\n" + oneStack, dump.Crash{Kind: dump.OutOfMemory, Message: "runtime: cannot allocate memory"}},
		{"stack", "runtime: goroutine stack exceeds 1000000000-byte limit\nruntime: sp=0xc02 stack=[0xc0, 0xc04]\nfatal error: stack overflow\n\nruntime stack:\nruntime.throw({0x1, 0x2})\n\t/go/panic.go:5 +0x1\n" + oneStack, dump.Crash{Kind: dump.StackOverflow, Message: "stack overflow", Notes: []string{"runtime: goroutine stack exceeds 1000000000-byte limit", "runtime: sp=0xc02 stack=[0xc0, 0xc04]"}, System: []dump.Frame{{Func: "runtime.throw", File: "/go/panic.go", Line: 5}}}},
		{"threads", "runtime: failed to create new OS thread (have 9 already; errno=11)\nruntime: may need to increase max user processes (ulimit -u)\nfatal error: newosproc\n" + oneStack, dump.Crash{Kind: dump.ThreadLimit, Message: "newosproc", Notes: []string{"runtime: failed to create new OS thread (have 9 already; errno=11)", "runtime: may need to increase max user processes (ulimit -u)"}}},
		{"threads of C", "runtime/cgo: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort\nPC=0x7f m=3 sigcode=18446744073709551610\nsignal arrived during cgo execution\n" + oneStack, dump.Crash{Kind: dump.ThreadLimit, Signal: "SIGABRT", Notes: []string{"runtime/cgo: pthread_create failed: Resource temporarily unavailable", "signal arrived during cgo execution"}}},
		{"another writer between", "fatal error: ==================\nWARNING: DATA RACE\n\nconcurrent map writes\n" + oneStack, dump.Crash{Kind: dump.MapRace, Message: "concurrent map writes"}},
		{"a log between", "fatal error: 2026/11/26 22:00:00 GET /orders 200\nall goroutines are asleep - deadlock!\n" + oneStack, dump.Crash{Kind: dump.Deadlock, Message: "all goroutines are asleep - deadlock!"}},
		{"mutex", "fatal error: sync: unlock of unlocked mutex\n" + oneStack, dump.Crash{Kind: dump.Fatal, Message: "sync: unlock of unlocked mutex"}},
		{"signal in the runtime", "fatal error: unexpected signal during runtime execution\n[signal SIGBUS: bus error code=0x2 addr=0x7f pc=0x4]\n" + oneStack, dump.Crash{Kind: dump.Fatal, Message: "unexpected signal during runtime execution", Signal: "SIGBUS"}},
		{"fault", "unexpected fault address 0x7f0000\nfatal error: fault\n[signal SIGSEGV: segmentation violation code=0x2 addr=0x7f pc=0x4]\n" + oneStack, dump.Crash{Kind: dump.Fatal, Message: "fault", Signal: "SIGSEGV", Notes: []string{"unexpected fault address 0x7f0000"}}},
		{"quit", "SIGQUIT: quit\nPC=0x46e2a1 m=0 sigcode=0\n" + oneStack + "\nrax    0xca\nr10    0x0\nrflags 0x286\n", dump.Crash{Kind: dump.Signal, Signal: "SIGQUIT"}},
		{"another thread's", "SIGQUIT: quit\nPC=0x46e2a1 m=0 sigcode=0\n" + oneStack + "\nrax    0xca\n\n-----\n\nSIGQUIT: quit\nPC=0x46e2a3 m=1 sigcode=0\n\n", dump.Crash{Kind: dump.Signal, Signal: "SIGQUIT"}},
		{"abort", "SIGABRT: abort\nPC=0x46e2a1 m=0 sigcode=0\n" + oneStack, dump.Crash{Kind: dump.Signal, Signal: "SIGABRT"}},
		{"number", "Signal 64\nPC=0x46e2a1 m=0 sigcode=0\n" + oneStack, dump.Crash{Kind: dump.Signal, Signal: "64"}},
		{"illegal instruction", "SIGILL: illegal instruction\nPC=0x46e2a1 m=0 sigcode=2\ninstruction bytes: 0xf 0xb\n" + oneStack, dump.Crash{Kind: dump.Signal, Signal: "SIGILL"}},
		{"exception", "Exception 0xc0000005 0x8 0x7ff6 0x7ff6\nPC=0x7ff6\n" + oneStack, dump.Crash{Kind: dump.Signal, Signal: "0xc0000005"}},
		{"in a panic", "panic: x\n" + oneStack + "panic during panic\n", dump.Crash{Kind: dump.Panic, Message: "x", Notes: []string{"panic during panic"}}},
		{"survived", "panic: x\n\ngoroutine 7 [running]:\n" + stackOf + "runtime/debug.Stack()\n\t/go/stack.go:26 +0x5e\n", dump.Crash{Kind: dump.Panic, Message: "x", Survived: true}},
		{"bytes that are no text", "panic: \xff\x00\n\t\xfe\n" + oneStack, dump.Crash{Kind: dump.Panic, Message: "\uFFFD\x00\n\uFFFD"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Goroutines = []dump.Goroutine{{ID: 7, State: "running", Frames: slices.Clone(frameOf)}}
			if c.want.Survived {
				c.want.Goroutines[0].Frames = append(c.want.Goroutines[0].Frames, dump.Frame{Func: "runtime/debug.Stack", File: "/go/stack.go", Line: 26})
			}
			const log = "2026/11/26 22:00:00 GET /orders 200\n"
			for form, text := range map[string]string{
				"as it is": c.text, "within output": log + "runtime: not what it seems\n" + strings.Repeat(log, 100) + c.text + strings.Repeat(log, 100),
				"before its exit": c.text + "exit status 2\n" + log, "CRLF": strings.ReplaceAll(c.text, "\n", "\r\n"),
			} {
				if all := crashes(text, 0); len(all) != 1 || !reflect.DeepEqual(*all[0], c.want) {
					t.Errorf("%s:\n%s\nwant\n%s", form, renderAll(all), render(&c.want))
				}
			}
		})
	}
}

// Without any stack, as with GOTRACEBACK=none, a head counts at the end of the output.
func TestHeadAlone(t *testing.T) {
	for text, want := range map[string]dump.Kind{
		"panic: boom\n": dump.Panic, "panic: boom": dump.Panic, "panic: boom\nexit status 2\nmore\n": dump.Panic,
		"fatal error: all goroutines are asleep - deadlock!\n": dump.Deadlock,
		"SIGQUIT: quit\nPC=0x1 m=0 sigcode=0\n":                dump.Signal,
		"runtime: failed to create new OS thread\n":            dump.ThreadLimit,
	} {
		if all := crashes("log\n"+text, 0); len(all) != 1 || all[0].Kind != want || all[0].Fingerprint() != "" {
			t.Errorf("%q:\n%s", text, renderAll(all))
		}
	}
}

// Lines that look like a crash, and are none.
func TestNoCrash(t *testing.T) {
	others := strings.Repeat("2026/11/26 22:00:00 GET /orders 200\n", dump.MaxOthers+1)
	for _, text := range []string{
		"", "\n", "panic", "panic:boom\n", " panic: boom\n", "2026/11/26 22:00:00 panic: boom\n" + oneStack, "level=error msg=\"panic: boom\"\n",
		"panic: boom\n" + others, "fatal error: no such file\n" + others, "runtime: hot\n", "SIGTERM: shutting down\n", "SIGTERM\n" + oneStack, "PC=0x1 m=0\n" + oneStack,
		"accept tcp: too many open files\n", "goroutine 7 [running]:\n" + stackOf, "http: panic serving 127.0.0.1:80: boom\n" + oneStack, "exit status 2\n", "\x00\x00\xff\n", "runtime stack:\nmain.f()\n",
	} {
		if all := crashes(text, 0); len(all) > 0 {
			t.Errorf("%.60q:\n%s", text, renderAll(all))
		}
	}
}

// One crash after another, each with its own goroutines.
func TestSeveral(t *testing.T) {
	text := "panic: one\n" + oneStack + "panic: two\n" + oneStack + "log\nSIGQUIT: quit\nPC=0x1 m=0 sigcode=0\n" + oneStack + "fatal error: three\n"
	var got []string
	for _, c := range crashes(text, 3) {
		got = append(got, string(c.Kind)+" "+c.Message+strings.Repeat(".", len(c.Goroutines)))
	}
	if want := []string{"panic one.", "panic two.", "signal .", "fatal error three"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
