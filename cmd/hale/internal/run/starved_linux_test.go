package run_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

// A service that gets hardly any processor time does not hang.
func TestStarved(t *testing.T) {
	s := start(t, "serve", run.Config{Watchdog: 500 * time.Millisecond}, "ADDRESS=127.0.0.1:0")
	at := s.after("address", 1)
	pid := s.get(at, "/pid")
	_ = s.after("alive", 1)
	threads, err := filepath.Glob("/proc/" + pid + "/task/*")
	if err != nil || len(threads) == 0 {
		t.Fatalf("%d threads, %v", len(threads), err)
	}
	for _, thread := range threads {
		tid, _ := strconv.Atoi(filepath.Base(thread))
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, tid, 19) // it may have ended
	}
	var busy []*exec.Cmd
	for range 12 * runtime.NumCPU() {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		busy = append(busy, cmd)
	}
	time.Sleep(6 * time.Second)
	for _, cmd := range busy {
		_ = cmd.Process.Signal(os.Kill)
	}
	for _, cmd := range busy {
		_ = cmd.Wait()
	}
	if in := s.incidents(); len(in) != 0 || s.get(at, "/pid") != pid {
		t.Errorf("%+v", in)
	}
}
