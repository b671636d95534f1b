package cputime_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/cputime"
)

// The time of a thread goes on while it works and stands while it sleeps.
func TestThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, ok := cputime.Thread()
	if ok != (runtime.GOOS == "linux") {
		t.Fatalf("told: %v", ok)
	}
	if !ok {
		return
	}
	for now := before; now < before+20*time.Millisecond; now, _ = cputime.Thread() {
		if now < before {
			t.Fatalf("%v after %v", now, before)
		}
	}
	rested, _ := cputime.Thread()
	time.Sleep(50 * time.Millisecond)
	if now, _ := cputime.Thread(); now > rested+40*time.Millisecond {
		t.Errorf("%v in a sleep of 50ms", now-rested)
	}
}

func ExampleThread() {
	runtime.LockOSThread() // or the two readings may be of different threads
	defer runtime.UnlockOSThread()
	before, told := cputime.Thread()
	after, _ := cputime.Thread()
	fmt.Println(!told || after >= before)
	// Output: true
}
