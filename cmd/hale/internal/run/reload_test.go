package run_test

import (
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

var startTimeout = regexp.MustCompile(`(?m)^TimeoutStartSec=(\S+)$`)

// By the unit that is offered a reload has the time that hale run may take for it.
func TestReloadTime(t *testing.T) {
	unit, err := os.ReadFile("../../../../deploy/systemd/shop-hale.service")
	if err != nil {
		t.Fatal(err)
	}
	stop, ready, err := run.Timeouts()
	if err != nil {
		t.Fatal(err)
	}
	found := startTimeout.FindSubmatch(unit)
	if found == nil {
		t.Fatal("the unit has no TimeoutStartSec")
	}
	if limit, err := time.ParseDuration(string(found[1])); err != nil || limit <= stop+ready {
		t.Errorf("TimeoutStartSec is %v, %v: hale run may take %v", limit, err, stop+ready)
	}
}
