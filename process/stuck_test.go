//go:build unix

package process_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hale-go/hale/process"
)

// A parent that reads nothing of what it is told holds nobody up.
func TestStuckParent(t *testing.T) {
	p := newParent(t)
	t.Setenv("NOTIFY_SOCKET", p.path)
	t.Setenv(process.EnvHandover, "1")
	full := false
	for range 10_000 { // the queue's length is the system's
		if err := process.Status("x"); err != nil {
			full = errors.Is(err, os.ErrDeadlineExceeded)
			break
		}
	}
	if !full {
		t.Fatal("a queue that is full is not told of")
	}
	began := time.Now()
	for name, f := range map[string]func() error{
		"Ready": process.Ready, "Stopping": process.Stopping,
		"Status": func() error { return process.Status("y") }, "Handover": func() error { return process.Handover("y") },
	} {
		if err := f(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	l, err := process.Listen("tcp", "127.0.0.1:0") // it serves all the same
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	t.Setenv("WATCHDOG_USEC", "30000")
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int64
	err = process.Watch(ctx, func(context.Context) error { // it goes on asking
		if asked.Add(1) == 3 {
			cancel()
		}
		return nil
	})
	if n := asked.Load(); err != nil || n < 3 {
		t.Errorf("asked %d times, %v", n, err)
	}
	if took := time.Since(began); took > 30*time.Second { // four of them wait a second
		t.Errorf("it took %v", took)
	}
	for got := ""; got != "STATUS=z"; got, _ = p.next(t) {
		if got == "" {
			_, _ = p.next(t)
			if err := process.Status("z"); err != nil {
				t.Errorf("with room in the queue: %v", err)
			}
		}
	}
}
