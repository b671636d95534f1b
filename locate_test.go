package hale_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
)

// A look at where tasks hang is paid for from what snapshots may cost, and not
// taken among very many goroutines.
func TestLocateIsBounded(t *testing.T) {
	for name, crowd := range map[string]int{"few": 10, "many": 1100} {
		bubble(t, name, func(t *testing.T) {
			rt := newRuntime(t)
			release := make(chan struct{})
			for range crowd {
				go func() { <-release }()
			}
			s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{StopTimeout: time.Second})
			s.Go("stuck", block(release))
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			synctest.Wait()
			cancel()
			var stop *hale.StopError
			if err := <-done; !errors.As(err, &stop) || len(stop.Tasks) != 1 {
				t.Fatalf("Run = %v", err)
			}
			looked := crowd == 10
			if got := !stop.Tasks[0].Blocked.IsZero(); got != looked {
				t.Errorf("looked %v, want %v", got, looked)
			}
			steps(t, rt, 1)
			turns := rt.Recording().Segments[0].Turns
			if snap := turns[0].Snapshot; (snap == nil) != looked {
				t.Errorf("the next turn's snapshot: %v, want one only if nobody looked", snap != nil)
			}
			close(release)
			synctest.Wait()
		})
	}
}
