package run_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

// TestMain makes this program what the tests start: the launcher, and services.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == run.LaunchCommand:
		code, err := run.Launch(os.Args[3:]) // after "--"
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(code)
	case os.Getenv("SERVICE") != "":
		services[os.Getenv("SERVICE")]()
		os.Exit(0)
	}
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // services end when they end
	goleak.VerifyTestMain(m)
}
