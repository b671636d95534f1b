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
		rt, err := hale.New()
		if err != nil {
			t.Fatal(err)
		}
		rt.Go(context.Background(), "crash", func(context.Context) error { panic("on purpose") }, hale.CrashOnPanic())
		time.Sleep(time.Minute) // the panic ends the process long before
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashOnPanic$")
	cmd.Env = append(os.Environ(), "HALE_TEST_CRASH=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: on purpose") || !strings.Contains(string(out), "TestCrashOnPanic.func1") {
		t.Errorf("err %v, output:\n%s", err, out)
	}
}
