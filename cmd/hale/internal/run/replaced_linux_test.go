package run_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// The file of this program may be replaced or removed meanwhile.
func TestProgramRemoved(t *testing.T) {
	program := filepath.Join(t.TempDir(), "hale")
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, data, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &started{t: t, notes: filepath.Join(t.TempDir(), "notes")}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), "SERVICE=runner", "INNER=mute", "CONFIG={}", "PROGRAM="+os.Args[0], "NOTES="+s.notes)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it was told to end
	}()
	pid, _ := strconv.Atoi(s.after("begun", 1))
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	_ = s.after("begun", 2)
}
