package resource_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/resource"
	"github.com/hale-go/hale/observe"
)

// poll reads until ok accepts, for what other goroutines and processes take part in.
func poll(t *testing.T, r *resource.Reader, ok func(u *observe.Resources) bool) {
	t.Helper()
	now := time.Now()
	for deadline := now.Add(20 * time.Second); ; {
		now = now.Add(time.Hour) // no pace stands in the way
		u := r.Read(now)
		if ok(u) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("gave up at %+v", u)
		}
	}
}

func TestOpenFilesOfThisProcess(t *testing.T) {
	r := resource.New("")
	before := r.Read(time.Now())
	if before.Files == nil || before.Files.Open < 3 {
		t.Fatalf("%+v", before)
	}
	for range 50 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	poll(t, r, func(u *observe.Resources) bool { return u.Files != nil && u.Files.Open == before.Files.Open+50 })
}

func TestFileLimitOfThisProcess(t *testing.T) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	r := resource.New("")
	if u := r.Read(time.Now()); u.Files.Limit != l.Cur {
		t.Errorf("%d, want %d", u.Files.Limit, l.Cur)
	}
	lower := l
	lower.Cur /= 2
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lower); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l) }()
	if u := r.Read(time.Now()); u.Files.Limit != lower.Cur {
		t.Errorf("%d, want %d", u.Files.Limit, lower.Cur)
	}
}

// used returns the processor time of the process, as the system call has it.
func used(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestProcessorTimeOfThisProcess(t *testing.T) {
	r := resource.New("")
	before := r.Read(time.Now()).Process
	began := used(t)
	for x := 1.0; used(t) < began+300*time.Millisecond; {
		for range 1000 {
			x = math.Sqrt(x + 1)
		}
	}
	low := used(t) - began
	after := r.Read(time.Now()).Process
	high := used(t) - began
	// Both readings are rounded down to 10 ms, user and system each.
	if got := after.CPU - before.CPU; got < low-40*time.Millisecond || got > high+40*time.Millisecond {
		t.Errorf("%v, want %v to %v", got, low, high)
	}
}

func TestMemoryOfThisProcess(t *testing.T) {
	const size = 64 << 20
	r := resource.New("")
	before := r.Read(time.Now()).Process
	block, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(block) }()
	for i := 0; i < size; i += 4096 {
		block[i] = 1
	}
	if after := r.Read(time.Now()).Process; after.Resident < before.Resident+size*3/4 {
		t.Errorf("%d bytes, then %d with 64 MiB more", before.Resident, after.Resident)
	}
}

// Go tells nothing of its collector before the first collection.
func TestCollectorOfThisProcess(t *testing.T) {
	r := resource.New("")
	runtime.GC()
	before := r.Read(time.Now()).Collector
	runtime.GC()
	after := r.Read(time.Now()).Collector
	if before == nil || after == nil || after.Cycles <= before.Cycles || after.Total <= before.Total || after.Time <= 0 || after.Live == 0 {
		t.Errorf("%+v, then %+v", before, after)
	}
}

func TestWaitOfThisProcess(t *testing.T) {
	r := resource.New("")
	poll(t, r, func(u *observe.Resources) bool {
		done := make(chan struct{}, 100)
		for range 100 {
			go func() { done <- struct{}{} }()
		}
		for range 100 {
			<-done
		}
		return u.Wait != nil && u.Wait.P50 > 0 && u.Wait.P99 >= u.Wait.P50
	})
}

// Without procfs's short cut descriptors are counted one by one, which is dear with
// many, and is then put off; the reading says how old the count is.
func TestManyFilesAreCountedSeldom(t *testing.T) {
	root := load(t, "v2")
	for i := range 5000 {
		if err := os.Link(filepath.Join(root, "proc/7/fd/0"), filepath.Join(root, "proc/7/fd", fmt.Sprint(100+i))); err != nil {
			t.Fatal(err)
		}
	}
	r := resource.New(root)
	if u := r.Read(noon); u.Files.Open != 5005 || u.Files.Age != 0 {
		t.Fatalf("%+v", u.Files)
	}
	write(t, root, "proc/7/fd/6", "")
	if u := r.Read(noon.Add(time.Nanosecond)); u.Files.Open != 5005 || u.Files.Age != time.Nanosecond { // however cheap it was
		t.Errorf("%+v", u.Files)
	}
	if u := r.Read(noon.Add(time.Hour)); u.Files.Open != 5006 || u.Files.Age != 0 {
		t.Errorf("%+v", u.Files)
	}
}

// BenchmarkRead is one reading of the machine, once a second: every tenth looks for
// limits.
func BenchmarkRead(b *testing.B) {
	r := resource.New("")
	now := time.Now()
	began := time.Now()
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		r.Read(now)
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(time.Since(began))/float64(b.N), "wall-ns/op")
}
