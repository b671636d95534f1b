package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"

	"github.com/DataDog/gostackparse"
	"github.com/maruel/panicparse/v2/stack"

	"github.com/hale-go/hale/internal/dump"
)

// reader reads a dump and keeps all of its goroutines. It returns how many there are
// and how many of their frames have a function, a file and a line.
type reader func(text string) (goroutines, frames int)

const gostackparseName, panicparseName = "gostackparse", "panicparse"

var dumpReaders = []struct {
	name string
	read reader
}{{"hale", haleDump}, {gostackparseName, gostackparseDump}, {panicparseName, panicparseDump}}

// dumpContest reads a dump of n goroutines as runtime.Stack prints it, which all of the
// contestants can; and the same with labels, as Go 1.27 prints them.
func dumpContest(n int) contest {
	const name = "dump"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			plain := stacks(n)
			labelled := strings.ReplaceAll(plain, "]:\n", "] {domain: orders, task: \"orders.consume#42\"}:\n")
			goroutines, frames := haleDump(plain)
			if want := strings.Count(plain, "]:\n"); goroutines != want || goroutines < n {
				return nil, fmt.Errorf("%d of %d goroutines read", goroutines, want)
			}
			var out []contestant
			for _, k := range dumpReaders {
				if g, f := k.read(plain); g != goroutines || f != frames {
					return nil, fmt.Errorf("%s read %d goroutines and %d frames, not %d and %d", k.name, g, f, goroutines, frames)
				}
				out = append(out, contestant{name: k.name, close: func() {}, measure: func() (reading, error) {
					m := tight(goroutines, func(int) { k.read(plain) })
					read, _ := k.read(labelled)
					m.values = map[string]float64{"labelled": 100 * float64(read) / float64(goroutines)}
					return m, nil
				}})
			}
			return out, nil
		},
		rows: func(r results) []row {
			rows := []row{
				r.ratio(name, "hale", gostackparseName, nanos, 1),
				r.ratio(name, "hale", panicparseName, nanos, .1),
				{name: name + " labelled, read by hale", values: r.of("hale", value("labelled")), unit: share, target: 100, sense: atLeast},
			}
			for _, peer := range []string{gostackparseName, panicparseName} {
				rows = append(rows, row{name: name + " labelled, read by " + peer, values: r.of(peer, value("labelled")), unit: share})
			}
			for _, who := range []string{"hale", gostackparseName, panicparseName} {
				rows = append(rows, row{name: name + " " + who + " allocations per goroutine", values: r.of(who, allocations), unit: allocs})
			}
			return rows
		},
	}
}

// stacks returns the dump of n goroutines that wait, a few frames deep, and of those that
// run anyway.
func stacks(n int) string {
	var started, ended sync.WaitGroup
	release := make(chan struct{})
	ended.Add(n)
	started.Add(n)
	for i := range n {
		go func() {
			defer ended.Done()
			descend(2+i%8, fmt.Sprint("order ", i), []int{i}, func() { started.Done(); <-release })
		}()
	}
	started.Wait()
	buf := make([]byte, 4096*(n+100))
	buf = buf[:runtime.Stack(buf, true)]
	close(release)
	ended.Wait()
	return string(buf)
}

//go:noinline
func descend(n int, name string, order []int, wait func()) {
	if n == 0 {
		wait()
	} else if n%2 == 0 {
		turn{name}.descend(n-1, order, wait)
	} else {
		descend(n-1, name, order, wait)
	}
	runtime.KeepAlive(order)
}

type turn struct{ name string }

//go:noinline
func (t turn) descend(n int, order []int, wait func()) { descend(n, t.name, order, wait) }

func haleDump(text string) (goroutines, frames int) {
	var all []*dump.Goroutine
	for g, err := range dump.Goroutines(strings.NewReader(text)) {
		if err != nil {
			return 0, 0
		}
		all = append(all, g)
	}
	for _, g := range all {
		for _, f := range g.Frames {
			if f.Func != "" && f.File != "" && f.Line > 0 {
				frames++
			}
		}
	}
	return len(all), frames
}

func gostackparseDump(text string) (goroutines, frames int) {
	all, _ := gostackparse.Parse(strings.NewReader(text)) // what it cannot read is not counted
	for _, g := range all {
		for _, f := range g.Stack {
			if f.Func != "" && f.File != "" && f.Line > 0 {
				frames++
			}
		}
	}
	return len(all), frames
}

// panicparseDump asks for no more than the others read: no names for arguments, no look
// at the disk.
func panicparseDump(text string) (goroutines, frames int) {
	rest := io.Reader(strings.NewReader(text))
	for {
		s, suffix, err := stack.ScanSnapshot(rest, io.Discard, &stack.Opts{})
		if s != nil {
			goroutines += len(s.Goroutines)
			for _, g := range s.Goroutines {
				for _, f := range g.Stack.Calls {
					if f.Func.Complete != "" && f.RemoteSrcPath != "" && f.Line > 0 {
						frames++
					}
				}
			}
		}
		if err != nil || s == nil {
			return goroutines, frames
		}
		rest = io.MultiReader(strings.NewReader(string(suffix)), rest)
	}
}
