//go:build unix

package config_test

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/config"
)

// A hangup has the file applied at once, also where it is the same.
func TestWatchHangup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hale.yaml")
	put(t, path, "tick: 1s\n")
	a := &applied{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- config.Watch(ctx, path, a.apply, config.Every(time.Hour), config.OnHangup(), config.OnError(a.tell))
	}()
	guard := make(chan os.Signal, 1) // until Watch listens, the signal would end the test
	signal.Notify(guard, syscall.SIGHUP)
	defer signal.Stop(guard)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	hangup := func(wrong bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
			if err := self.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			<-guard // none may be under way when nobody listens any more
			for again := time.Now().Add(100 * time.Millisecond); time.Now().Before(again); time.Sleep(time.Millisecond) {
				ticks, errs := a.take()
				if !wrong && len(ticks) > 0 || wrong && len(errs) > 0 {
					return
				}
			}
		}
		t.Fatal("the signal does nothing")
	}
	hangup(false)
	hangup(false)
	put(t, path, "tick: 1\n")
	hangup(true)
	hangup(true)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
