package run_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
	"github.com/hale-go/hale/process"
)

func init() {
	// wishes asks for a handover to one that is never ready.
	services["wishes"] = func() {
		notes, _ := os.ReadFile(os.Getenv("NOTES"))
		begun()
		if len(notes) == 0 {
			_ = process.Ready()
			_ = process.Handover("it has lost goroutines")
		}
		wait()
	}
	// unready asks for a handover, once, and never says that it is ready.
	services["unready"] = func() {
		notes, _ := os.ReadFile(os.Getenv("NOTES"))
		begun()
		if len(notes) == 0 {
			_ = process.Handover("it has lost goroutines")
		}
		wait()
	}
}

// A handover that the service asked for in vain is told as that, besides what its successor did.
func TestHandoverInVain(t *testing.T) {
	s := start(t, "wishes", run.Config{ReadyTimeout: 500 * time.Millisecond})
	in := s.incidentsFrom(2)
	if in[0].Fault != run.FaultNeverReady || in[1].Fault != run.FaultHandover || in[1].Message != "it has lost goroutines" ||
		in[1].Action != "none: the handover failed; PID "+s.after("begun", 1)+" goes on: not ready within 500ms" || in[1].Handovers != 1 {
		t.Errorf("%+v", in)
	}
}

// Where no successor can take over the service is started again, which is told too.
func TestHandoverByRestart(t *testing.T) {
	s := start(t, "unready", run.Config{})
	_ = s.after("begun", 2)
	if in := s.incidentsFrom(1); len(in) != 1 || in[0].Fault != run.FaultHandover || !strings.HasPrefix(in[0].Action, "restart: ") || in[0].Handovers != 1 {
		t.Errorf("%+v", in)
	}
}
