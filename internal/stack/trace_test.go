package stack_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hale-go/hale/internal/stack"
)

func caught(f func()) (t stack.Trace) {
	defer func() {
		if recover() != nil {
			t = stack.CapturePanic()
		}
	}()
	f()
	return t
}

//go:noinline
func explode() { panic("boom") }

//go:noinline
func dereference(p *int) int { return *p }

//go:noinline
func rethrow() {
	defer func() { panic(fmt.Sprint("again: ", recover())) }()
	explode()
}

func TestPanicOrigin(t *testing.T) {
	for _, c := range []struct {
		name, want string
		f          func()
	}{
		{"panic call", "stack_test.explode", explode},
		{"nil dereference", "stack_test.dereference", func() { dereference(nil) }},
		{"raised again", "stack_test.explode", rethrow},
		{"index", "stack_test.TestPanicOrigin.func2", func() { var s []int; i := 3; _ = s[i] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := caught(c.f)
			if got := tr.Site().Function; !strings.HasSuffix(got, c.want) {
				t.Errorf("origin = %q, want …%s", got, c.want)
			}
			if !strings.Contains(tr.String(), "trace_test.go:") {
				t.Errorf("text has no file and line:\n%s", tr)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	var prints []string
	for range 3 {
		prints = append(prints, caught(explode).Fingerprint())
	}
	if prints[0] != prints[1] || prints[1] != prints[2] {
		t.Errorf("same fault, different fingerprints: %v", prints)
	}
	if other := caught(func() { dereference(nil) }).Fingerprint(); other == prints[0] {
		t.Errorf("different faults share fingerprint %s", other)
	}
}

func TestNoPanic(t *testing.T) {
	var tr stack.Trace
	if !tr.Site().IsZero() || tr.String() != "" || len(tr.Fingerprint()) != 16 {
		t.Errorf("zero trace: site %v, text %q, fingerprint %q", tr.Site(), tr.String(), tr.Fingerprint())
	}
}

func BenchmarkCapturePanic(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		caught(explode)
	}
}

func ExampleCapturePanic() {
	defer func() {
		if v := recover(); v != nil {
			tr := stack.CapturePanic()
			fmt.Println(v, strings.Contains(tr.Site().Function, "ExampleCapturePanic"))
		}
	}()
	panic("no such order")
	// Output: no such order true
}

//go:noinline
func dig(n int, f func()) {
	if n > 0 {
		dig(n-1, f)
		return
	}
	f()
}

// More stacks than are remembered, from many goroutines: each trace is of its own.
func TestManyStacksAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 300 {
				depth := n % 20
				f, want := explode, "stack_test.explode"
				if (n+i)%2 == 0 {
					f, want = func() { dereference(nil) }, "stack_test.dereference"
				}
				tr := caught(func() { dig(depth, f) })
				if got := tr.Site().Function; !strings.HasSuffix(got, want) {
					t.Errorf("origin %q, want %s", got, want)
				}
				if got := strings.Count(tr.String(), "stack_test.dig("); got != depth+1 {
					t.Errorf("%d frames of dig, want %d", got, depth+1)
				}
			}
		})
	}
	wg.Wait()
}

// A stack that was captured before costs nothing to capture again.
func TestKnownStackCostsNoAllocation(t *testing.T) {
	v := any("boom")
	capture := func() {
		defer func() {
			if recover() != nil {
				stack.CapturePanic().Fingerprint()
			}
		}()
		panic(v)
	}
	capture()
	if n := testing.AllocsPerRun(100, capture); n > 1 { // the garbage collection may take the scratch space once
		t.Errorf("%v allocations", n)
	}
}
