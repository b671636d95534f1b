package hale_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
)

// CrashOnPanic ends the process as it would end without hale: with the panic's
// own stack. It takes a process to show.
func TestCrashOnPanic(t *testing.T) {
	if os.Getenv("HALE_TEST_CRASH") != "" {
		var opts []hale.Option
		if os.Getenv("HALE_TEST_CRASH") == "traced" {
			opts = append(opts, hale.WithTracer(&spy{}))
		}
		rt, err := hale.New(opts...)
		if err != nil {
			t.Fatal(err)
		}
		rt.Go(context.Background(), "crash", func(context.Context) error { panic("on purpose") }, hale.CrashOnPanic())
		time.Sleep(time.Minute) // the panic ends the process long before
		return
	}
	for _, how := range []string{"plain", "traced"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCrashOnPanic$")
		cmd.Env = append(os.Environ(), "HALE_TEST_CRASH="+how)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "panic: on purpose") || !strings.Contains(string(out), "TestCrashOnPanic.func1") {
			t.Errorf("%s: err %v, output:\n%s", how, err, out)
		}
	}
}
