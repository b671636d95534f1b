package haletest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

func TestWhatNeverReturnsIsTold(t *testing.T) {
	defer haletest.SetHangs(20 * time.Millisecond)()
	release, left := make(chan struct{}), make(chan struct{}, 100)
	wait := func() { <-release; left <- struct{}{} }

	d := record(t)
	haletest.Detector(d, func() detect.Detector {
		return &crowd{brk: func(_ *crowd, _ observe.Turn, out []detect.Finding) []detect.Finding { wait(); return out }}
	}, haletest.Scaled(100, time.Second))
	r := record(t)
	haletest.Remedy(r, func() heal.Remedy {
		return remedy{func(context.Context, heal.Target, heal.Command) error { wait(); return nil }}
	})
	close(release)
	if all := strings.Join(d.end(), "\n"); !strings.Contains(all, "Detect did not return within 20ms") {
		t.Errorf("of the detector: %q", all)
	}
	if all := strings.Join(r.end(), "\n"); !strings.Contains(all, "did not return soon after the end of its context") {
		t.Errorf("of the remedy: %q", all)
	}
	for range 2 { // one call of the detector, one of the remedy: neither is called again
		<-left
	}
	if n := len(d.errors); n != 1 {
		t.Errorf("a detector that hangs was told of %d times: %q", n, d.errors)
	}
}
