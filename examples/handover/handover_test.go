package main_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// A service is handed over under load without a failed request, and what hangs, crashes
// or ends by a fatal error serves again.
func TestChaos(t *testing.T) {
	dir := t.TempDir()
	build := func(name, folder, pkg string) string {
		program := filepath.Join(dir, name)
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, pkg)
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return program
	}
	hale, service := build("hale", "../../cmd/hale", "."), build("handover", ".", ".")
	out, err := exec.CommandContext(t.Context(), service, "chaos", "-hale", hale, "-rate", "300", "-handovers", "2", "-steady", "1s").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{
		`(?m)^handover 1: requests=\d+ failed=0 refused=0 `,
		`(?m)^handover 2: requests=\d+ failed=0 refused=0 `,
		`(?m)^hang: requests=\d+ failed=\d+ refused=0 `,
		`(?m)^  incident: hang: no sign of life for 2s; it said last: not alive: orders hang; restart`,
		`(?m)^  incident: crash: panic: an order without a customer; restart.*; [0-9a-f]{16} at main\.\S+ service\.go:\d+$`,
		`(?m)^  incident: crash: fatal error: concurrent map .*; restart`,
		`(?m)^process: failed=\d+ refused=0 restarts=3$`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("nothing matches %s", want)
		}
	}
	if t.Failed() || bytes.Contains(out, []byte("DATA RACE")) {
		t.Logf("%s", out)
	}
}
