package run

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// Restart says after which ends a service is started again.
type Restart string

// When a service is started again.
const (
	OnFailure Restart = "on-failure" // it did not exit with 0
	Always    Restart = "always"
	Never     Restart = "never"
)

// LogFormat is how the runner's own log is written.
type LogFormat string

// How the log is written.
const (
	Logfmt LogFormat = "logfmt" // as slog.TextHandler does
	JSON   LogFormat = "json"   // as slog.JSONHandler does
)

// Config says what to run, and how. Zero fields get the defaults.
type Config struct {
	Command []string // Command is the service and its arguments.
	Control string   // Control is the path of a Unix socket on which others ask for a handover, see [Ask]; only this user and root may. Default: none.
	Listen  []string // Listen are addresses to hold sockets of from the start: "127.0.0.1:8080", "unix:/run/shop.sock".

	Restart     Restart       // Restart says when it is started again. Default: on-failure.
	MaxRestarts int           // MaxRestarts are how many restarts within Within are too many: then it ends. Default: 10.
	Within      time.Duration // Default: 1m.
	Delay       time.Duration // Delay is the longest wait before a restart; the first is at once. Default: 30s.

	Watchdog     time.Duration // Watchdog is how often a service says that it is alive, from when it first has; with Notify, not before it is ready. Default: 10s; under 0: nobody asks.
	Notify       bool          // Notify says that the service says when it is ready, and must within ReadyTimeout.
	ReadyTimeout time.Duration // Default: 1m.
	StopTimeout  time.Duration // StopTimeout is how long it may take to end once it is told to; then it is to print its stacks, and is killed 400ms later. Default: 30s.

	Stderr    *os.File     // Stderr takes what the service says there. Default: this process's.
	Log       *slog.Logger // Log tells what is done. Default: to Stderr, in LogFormat.
	LogFormat LogFormat    // Default: logfmt.
	Incidents io.Writer    // Incidents takes each incident as a line of JSON. It may be slow: what is too much is dropped and told of. Default: none.
}

// ErrConfig is matched by the error of a Config that cannot be used.
var ErrConfig = errors.New("run: cannot be used")

func (c Config) withDefaults() (Config, error) {
	bad := func(format string, a ...any) (Config, error) {
		return c, fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, a...))
	}
	if len(c.Command) == 0 {
		return bad("there is no command: write it after --, as in: hale run -- ./service")
	}
	switch c.Restart {
	case "":
		c.Restart = OnFailure
	case OnFailure, Always, Never:
	default:
		return bad("--restart is %q: write on-failure, always or never", c.Restart)
	}
	switch c.LogFormat {
	case "":
		c.LogFormat = Logfmt
	case Logfmt, JSON:
	default:
		return bad("--log-format is %q: write logfmt or json", c.LogFormat)
	}
	for _, d := range []struct {
		name   string
		value  *time.Duration
		normal time.Duration
	}{
		{"--within", &c.Within, time.Minute},
		{"--max-delay", &c.Delay, 30 * time.Second},
		{"--ready-timeout", &c.ReadyTimeout, time.Minute},
		{"--stop-timeout", &c.StopTimeout, 30 * time.Second},
	} {
		switch {
		case *d.value == 0:
			*d.value = d.normal
		case *d.value < 0 || *d.value > 24*time.Hour:
			return bad("%s is %v: give a duration above 0 and up to 24h", d.name, *d.value)
		}
	}
	switch {
	case c.Watchdog == 0:
		c.Watchdog = 10 * time.Second
	case c.Watchdog > 24*time.Hour, c.Watchdog > 0 && c.Watchdog < 100*time.Millisecond:
		return bad("--watchdog is %v: give 100ms to 24h, or --no-watchdog", c.Watchdog)
	}
	switch {
	case c.MaxRestarts == 0:
		c.MaxRestarts = 10
	case c.MaxRestarts < 0 || c.MaxRestarts > 10_000:
		return bad("--max-restarts is %d: give 1 to 10000, or --restart never", c.MaxRestarts)
	}
	if c.Stderr == nil {
		c.Stderr = os.Stderr
	}
	return c, nil
}
