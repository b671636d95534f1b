package run

import (
	"encoding/json"
	"time"
)

// Faults that a parent finds.
const (
	FaultCrash      = "crash"       // a panic or a fatal error that Go told of
	FaultFiles      = "files"       // it exited and had said that too many files are open
	FaultExit       = "exit"        // it exited with another code than 0
	FaultKilled     = "killed"      // by a signal that nobody here sent
	FaultHang       = "hang"        // no sign of life
	FaultNeverReady = "never_ready" // not ready in time
	FaultStopHangs  = "stop_hangs"  // it did not end when it was told to, and was made to
	FaultRestarts   = "restarts"    // too many: nothing is done any more
	FaultLaunch     = "launch"      // it could not be started
	FaultHandover   = "handover"    // the service asked for a successor, with the message why
	FaultMissing    = "missing"     // incidents are missing here: they could not be written, or not soon enough
)

// Incident is one fault of a service and what was done about it. It encodes to JSON.
type Incident struct {
	At       time.Time     `json:"at"`
	Fault    string        `json:"fault"`
	Message  string        `json:"message"`
	PID      int           `json:"pid,omitempty"`
	Role     string        `json:"role,omitempty"` // of the process, where a handover is under way: "successor" or "predecessor"
	ExitCode int           `json:"exit_code,omitempty"`
	Signal   string        `json:"signal,omitempty"` // that ended it
	Uptime   time.Duration `json:"uptime_ns,omitempty"`
	Action   string        `json:"action"`
	Restarts int           `json:"restarts"` // so far

	Handovers int `json:"handovers,omitempty"` // that the service asked for within the last hour, this one too; 1000 at most

	Kind        string   `json:"kind,omitempty"`        // of a crash: "panic", "deadlock", "map race", "out of memory", …
	Fingerprint string   `json:"fingerprint,omitempty"` // the same for the same fault, as of the same stack in a log record
	Site        string   `json:"site,omitempty"`        // the function and line that it comes from; of a service that is not ready in time or does not end, where main is
	Stack       []string `json:"stack,omitempty"`       // of the goroutine at fault, innermost first
	Goroutines  int      `json:"goroutines,omitempty"`  // that were printed
	Groups      []string `json:"groups,omitempty"`      // where most of them are, of a service that hangs, is not ready in time or does not end
	Output      []string `json:"output,omitempty"`      // the last lines of stderr
}

// tell logs an incident and writes it out.
func (r *Runner) tell(i Incident) {
	i.At, i.Restarts = time.Now(), r.restarts.total
	args := []any{"fault", i.Fault, "message", i.Message, "pid", i.PID, "action", i.Action}
	for _, a := range []struct{ key, value string }{{"role", i.Role}, {"signal", i.Signal}, {"fingerprint", i.Fingerprint}, {"site", i.Site}} {
		if a.value != "" {
			args = append(args, a.key, a.value)
		}
	}
	r.log.Error("incident", args...)
	if r.incidents == nil {
		return
	}
	if line, err := json.Marshal(i); err == nil { // it has nothing that could not be encoded
		_, _ = r.incidents.Write(append(line, '\n'))
	}
}
