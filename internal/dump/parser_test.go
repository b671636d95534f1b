package dump_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hale-go/hale/internal/dump"
)

func sample(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/golden/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Other writers' lines between any two of a dump change nothing.
func TestInterleaved(t *testing.T) {
	for _, name := range []string{"go1.26-nested.txt", "go1.26-segv.txt", "go1.27-quit-parked.txt", "go1.26-threads.txt"} {
		text := sample(t, name)
		want := renderAll(crashes(text, 0))
		for _, line := range []string{
			"2026/11/26 22:00:00 GET /orders 200 (3ms)\n", `{"level":"INFO","msg":"x (y)","took":"3.2ms"}` + "\n", "\x00\xff\xfe\x01\n", "\tindented: 7\n", "\n", "time=2026-11-26T22:00:00Z level=INFO msg=served\n",
		} {
			head, dumped, _ := strings.Cut(text, "\n\n") // a panic's text has no end but the empty line before Go 1.23
			others := head + "\n\n" + line + strings.ReplaceAll(dumped, "\n", "\n"+line)
			if got := renderAll(crashes(others, 0)); got != want {
				t.Errorf("%s with %q:\n%s\nwant\n%s", name, line, got, want)
			}
		}
	}
}

// A line that others wrote into is lost, and with a header the stack below: it is nobody
// else's.
func TestTorn(t *testing.T) {
	text := "panic: boom\n\n"
	for i := range 4 {
		text += strings.Replace("goroutine 7 [running]:\n", "7", fmt.Sprint(i+1), 1) + stackOf + "created by main.main in goroutine 1\n\t/app/main.go:9 +0x1\n\n"
	}
	for _, line := range []string{"goroutine 2 [running]:", "goroutine 4 [running]:"} {
		torn := strings.Replace(text, line, line[:7]+"2026/11/26 GET /orders 200\n"+line[7:], 1)
		c := crashes(torn, 0)[0]
		if len(c.Goroutines) != 3 || c.Dropped != 1 {
			t.Errorf("%q: %s", line, render(c))
		}
		for _, g := range c.Goroutines {
			if !reflect.DeepEqual(g.Frames, frameOf) {
				t.Errorf("%q: %s", line, render(c))
			}
		}
		if got := len(goroutines(t, torn)); got != 3 {
			t.Errorf("%q: %d goroutines in the dump", line, got)
		}
	}
}

// After more than so many lines of others in a row, the dump is over.
func TestOver(t *testing.T) {
	text := "panic: boom\n" + oneStack
	var got int
	p := dump.Parser{Crash: func(*dump.Crash) { got++ }}
	_, _ = p.Write([]byte(text + strings.Repeat("log line\n", dump.MaxOthers)))
	if got != 0 {
		t.Fatal("over too early")
	}
	_, _ = p.Write([]byte("log line\n"))
	if got != 1 {
		t.Fatal("not over")
	}
	p.Flush()
	if got != 1 {
		t.Error("the same crash again")
	}
	// So it is after the goroutines that are over the bound.
	_, _ = p.Write([]byte(text + strings.Repeat(oneStack, dump.MaxGoroutines+1) + strings.Repeat("log line\n\tlog line\n", dump.MaxOthers)))
	if got != 2 {
		t.Error("not over after goroutines that were dropped")
	}
}

// Cut off anywhere, what is there is read: nothing else than is in the whole.
func TestTruncated(t *testing.T) {
	for _, name := range []string{"go1.26-nested.txt", "go1.26-nil.txt", "go1.27-recovered.txt", "go1.20-multiline.txt", "go1.26-unlock.txt", "go1.26-map.txt"} {
		text := sample(t, name)
		whole := crashes(text, 0)[0]
		began := false
		for cut := range len(text) {
			all := crashes(text[:cut], 0)
			if len(all) == 0 && !began {
				continue
			}
			began = true
			if len(all) != 1 {
				t.Fatalf("%s cut at %d: %d crashes", name, cut, len(all))
			}
			c := all[0]
			if c.Kind != whole.Kind && c.Kind != dump.Fatal || len(c.Goroutines) > len(whole.Goroutines) {
				t.Fatalf("%s cut at %d:\n%s", name, cut, render(c))
			}
			for i, g := range c.Goroutines {
				full := whole.Goroutines[i]
				if g.ID != full.ID || g.State != full.State || len(g.Frames) > len(full.Frames) {
					t.Fatalf("%s cut at %d:\n%s", name, cut, render(c))
				}
				for k, f := range g.Frames {
					if f.Func != full.Frames[k].Func || f.File != full.Frames[k].File && !c.Truncated {
						t.Fatalf("%s cut at %d, frame %d:\n%s", name, cut, k, render(c))
					}
				}
			}
		}
		if whole.Truncated {
			t.Errorf("%s is whole", name)
		}
	}
}

// From any byte on, nothing goes wrong: the parent may have come late.
func TestBeginningMissing(t *testing.T) {
	text := sample(t, "go1.26-nested.txt")
	for from := range len(text) {
		if all := crashes(text[from:], 0); len(all) > 1 {
			t.Errorf("from %d:\n%s", from, renderAll(all))
		}
	}
}

// Whatever comes, what is held has a bound, and what is over it is counted.
func TestBounds(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	repeat := func(n int, line func(i int) string) func(yield func(string)) {
		return func(yield func(string)) {
			for i := range n {
				yield(line(i))
			}
		}
	}
	for name, c := range map[string]struct {
		lines func(yield func(string))
		check func(*dump.Crash) bool
	}{
		"goroutines": {
			repeat(200_000, func(i int) string { return fmt.Sprintf("goroutine %d [running]:\n%s\n", i, stackOf) }),
			func(c *dump.Crash) bool {
				return len(c.Goroutines) == dump.MaxGoroutines && c.Dropped == 200_000-dump.MaxGoroutines
			},
		},
		"large goroutines": {repeat(300, func(i int) string {
			return fmt.Sprintf("goroutine %d [running]:\n", i) + strings.Repeat(fmt.Sprintf("main.f%d%s()\n\t/%d%s.go:1\n", i, long[:3000], i, long[:3000]), 40)
		}), func(c *dump.Crash) bool { return len(c.Goroutines)+c.Dropped == 300 }},
		"different names": {
			repeat(60_000, func(i int) string {
				return fmt.Sprintf("goroutine %d [running]:\nmain.f%d%s()\n\t/%d.go:1\n", i, i, long[:3000], i)
			}),
			func(c *dump.Crash) bool { return c.Dropped > 0 && len(c.Goroutines)+c.Dropped == 60_000 },
		},
		"frames": {repeat(200_000, func(i int) string {
			return strings.Repeat("goroutine 1 [running]:\n", max(0, 1-i)) + fmt.Sprintf("main.f%d()\n\t/a.go:%d +0x1\n", i, i)
		}), func(c *dump.Crash) bool {
			return len(c.Goroutines[0].Frames) == dump.MaxFrames && c.Goroutines[0].Elided == 200_000-dump.MaxFrames
		}},
		"ancestors": {repeat(50_000, func(i int) string {
			return strings.Repeat("goroutine 1 [running]:\n", max(0, 1-i)) + fmt.Sprintf("[originating from goroutine %d]:\nmain.f(...)\n\t/a.go:1\n", i)
		}), func(c *dump.Crash) bool { return len(c.Goroutines[0].Ancestors) == dump.MaxAncestors }},
		"labels": {
			repeat(1, func(int) string {
				return "goroutine 1 [running] {" + strings.Repeat("a: b, ", 5000) + "a: b}:\n" + stackOf
			}),
			func(c *dump.Crash) bool { return len(c.Goroutines[0].Labels) == dump.MaxLabels },
		},
		"long lines": {
			repeat(20, func(i int) string {
				return fmt.Sprintf("goroutine %d [running]:\nmain.%s()\n%s\n\t/%s.go:1\n", i, long, long, long)
			}),
			func(c *dump.Crash) bool { return len(c.Goroutines) == 20 },
		},
		"the text":   {repeat(100_000, func(i int) string { return "\t" + long[:100] + "\n" }), func(c *dump.Crash) bool { return len(c.Message) <= dump.MaxMessage }},
		"panics":     {repeat(100_000, func(i int) string { return "\tpanic: " + long[:100] + "\n" }), func(c *dump.Crash) bool { return len(c.Nested) == dump.MaxNested }},
		"notes":      {repeat(100_000, func(i int) string { return "runtime: " + long[:100] + "\n" }), func(c *dump.Crash) bool { return len(c.Notes) == dump.MaxNested }},
		"own stacks": {repeat(50_000, func(i int) string { return "\nruntime stack:\nruntime.throw()\n\t/a.go:1\n" }), func(c *dump.Crash) bool { return len(c.System) == 1 }},
		"empty":      {repeat(200_000, func(i int) string { return "\n" }), func(c *dump.Crash) bool { return true }},
	} {
		t.Run(name, func(t *testing.T) {
			var got []*dump.Crash
			p := dump.Parser{Crash: func(c *dump.Crash) { got = append(got, c) }}
			before := heap()
			_, _ = p.Write([]byte("panic: boom\n"))
			c.lines(func(s string) { _, _ = p.Write([]byte(s)) })
			if held := heap() - before; held > 2*dump.MaxBytes+4<<20 {
				t.Errorf("%d bytes held", held)
			}
			p.Flush()
			if len(got) != 1 || !c.check(got[0]) {
				t.Errorf("%d crashes", len(got))
				for _, c := range got {
					t.Errorf("%.2000s", render(c))
				}
			}
		})
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A line without an end is passed over in pieces.
func TestEndlessLine(t *testing.T) {
	p := dump.Parser{Crash: func(c *dump.Crash) { t.Error(render(c)) }}
	piece := []byte(strings.Repeat("x", 1<<16))
	before := heap()
	for range 1000 {
		_, _ = p.Write(piece)
	}
	if held := heap() - before; held > 1<<20 {
		t.Errorf("%d bytes held", held)
	}
	p.Flush()
}

// Flush makes the parser as new.
func TestFlush(t *testing.T) {
	text := sample(t, "go1.26-threads.txt")
	var got []*dump.Crash
	p := dump.Parser{Crash: func(c *dump.Crash) { got = append(got, c) }}
	for range 3 {
		feed(&p, "runtime: half a li", 0)
		feed(&p, "SIGQUIT: quit\n", 0)
		feed(&p, text, 100)
	}
	if len(got) != 3 || !reflect.DeepEqual(got[0], got[1]) || !reflect.DeepEqual(got[1], got[2]) {
		t.Errorf("%s", renderAll(got))
	}
}

// A dump is read with the memory of a goroutine, from a reader that gives what it likes.
func TestGoroutines(t *testing.T) {
	text := sample(t, "go1.27-quit-parked.txt")
	want := renderAllOf(goroutines(t, text))
	for name, r := range map[string]io.Reader{"bytes": iotest.OneByteReader(strings.NewReader(text)), "data and end": iotest.DataErrReader(strings.NewReader(text))} {
		var got string
		for g, err := range dump.Goroutines(r) {
			if err != nil {
				t.Fatal(err)
			}
			got += renderGoroutine(g, "goroutine")
		}
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
	broken := errors.New("broken")
	n, last := 0, error(nil)
	for g, err := range dump.Goroutines(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))) {
		if last != nil || (g == nil) != (err != nil) {
			t.Errorf("goroutine %v with error %v after %v", g, err, last)
		}
		if n, last = n+1, err; err != nil {
			n--
		}
	}
	if n != strings.Count(want, "\ngoroutine ")+1 || !errors.Is(last, broken) {
		t.Errorf("%d goroutines, error %v", n, last)
	}
	for g, err := range dump.Goroutines(strings.NewReader(text)) {
		if g == nil || err != nil {
			t.Error(g, err)
		}
		break // it must not be called again
	}
}

// repeated reads the same text again and again.
type repeated struct {
	text string
	at   int
	left int
}

func (r *repeated) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(b, r.text[r.at:])
	if r.at += n; r.at == len(r.text) {
		r.at, r.left = 0, r.left-1
	}
	return n, nil
}

func TestLargeDump(t *testing.T) {
	text := large(1000)
	before, n := heap(), 0
	for g, err := range dump.Goroutines(&repeated{text: text, left: 100}) {
		if n++; err != nil || len(g.Frames) != 8 || g.CreatedIn == 0 && g.ID > 1 {
			t.Fatalf("error %v, %s", err, renderGoroutine(g, "goroutine"))
		}
		if n%25_000 == 0 {
			if held := heap() - before; held > 2<<20 {
				t.Errorf("%d bytes held after %d goroutines", held, n)
			}
		}
	}
	if n != 100_000 {
		t.Errorf("%d goroutines", n)
	}
}
