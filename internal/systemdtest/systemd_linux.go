package systemdtest

import (
	"bytes"
	_ "embed" // of the script
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// ErrForbidden is matched by the error of [Start] where this process may not make what a
// systemd needs: namespaces, mounts and a control group.
var ErrForbidden = errors.New("systemdtest: a systemd of its own is forbidden here")

// Patience is how long systemd may take for anything. It takes a second on an idle machine.
const Patience = 60 * time.Second

//go:embed boot.sh
var boot string

// Systemd is one that runs. Its methods may be called from any goroutine.
type Systemd struct {
	Dir string // Dir is a folder that has the same path for services and the test.

	cmd    *exec.Cmd
	group  string
	ended  chan struct{} // closed when it has
	said   bytes.Buffer  // by the script; read when it has ended
	failed error
}

// Start starts a systemd for the test, and waits until it has booted: there are no services
// but those of [Systemd.Unit], which may start this test's program by [Program]. What they
// write goes to files that [Systemd.Said] reads. The calling goroutine keeps its thread until the test ends.
func Start(t testing.TB) (*Systemd, error) {
	t.Helper()
	for _, name := range []string{"/lib/systemd/systemd", "systemctl", "nsenter", "unshare", "setpriv"} {
		Find(t, name)
	}
	s := &Systemd{Dir: t.TempDir(), ended: make(chan struct{})}
	if err := s.lay(); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: it takes root", ErrForbidden)
	}
	var err error
	if s.group, err = newGroup(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	if err := s.start(t); err != nil {
		_ = os.Remove(s.group) // nothing was in it
		return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	t.Cleanup(func() { s.stop(t) })
	return s, s.booted(t)
}

// Find returns the path of a program of systemd, or of util-linux, which is always there on
// Debian. One that is missing fails the test.
func Find(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("systemdtest: %v: run make deps as root, or install the packages systemd and util-linux", err)
	}
	return path
}

// Program returns the path of this program, which services see.
func Program() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}

// lay lays out the files of the test.
func (s *Systemd) lay() error {
	for path, text := range map[string]string{
		"units/hale.target": "[Unit]\nDescription=The target of a test\n",
		// What services and sockets want by default.
		"units/sysinit.target":  "[Unit]\n",
		"units/basic.target":    "[Unit]\n",
		"units/shutdown.target": "[Unit]\nDefaultDependencies=no\n",
		// What services write goes to files: there is no journal.
		"units/service.d/output.conf": "[Service]\nStandardOutput=append:" + s.Dir + "/%n.said\nStandardError=inherit\n",
		"log":                         "",
		"root/.keep":                  "", // the folder is what counts
	} {
		path = filepath.Join(s.Dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// start starts it in its namespaces.
func (s *Systemd) start(t testing.TB) error {
	// The script enters the control group before it has a view of them that begins there.
	s.cmd = exec.Command("/bin/sh", "-c", `echo 0 >"$0/cgroup.procs" && exec unshare --cgroup -- sh -c "$@"`, s.group,
		boot, "boot", filepath.Join(s.Dir, "root"), s.Dir, filepath.Dir(Program()))
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Setsid:     true,
		Pdeathsig:  syscall.SIGKILL, // of the thread that starts it
	}
	runtime.LockOSThread()
	if err := s.cmd.Start(); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	t.Cleanup(runtime.UnlockOSThread)
	go func() {
		defer close(s.ended)
		s.failed = s.cmd.Wait()
	}()
	return nil
}

// booted waits until it has, or has found out that it cannot.
func (s *Systemd) booted(t testing.TB) error {
	t.Helper()
	for deadline := time.Now().Add(Patience); ; {
		select {
		case <-s.ended:
			if log := s.Log(); log != "" {
				t.Fatalf("systemdtest: it ended: %v\n%s", s.failed, log)
			}
			return fmt.Errorf("%w: %w: %.1000s", ErrForbidden, s.failed, s.said.Bytes())
		case <-time.After(50 * time.Millisecond):
		}
		state, err := s.Systemctl("is-system-running")
		if state == "running" || state == "degraded" {
			return nil
		}
		if time.Now().After(deadline) {
			t.Fatalf("systemdtest: it does not boot: %q, %v\n%s", state, err, s.Log())
		}
	}
}

// stop ends it: the end of PID 1 is that of all, and then the mounts go.
func (s *Systemd) stop(t testing.TB) {
	_ = s.cmd.Process.Kill()
	<-s.ended
	if t.Failed() {
		t.Logf("systemd's log:\n%s", s.Log())
	}
	var err error
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = removeGroup(s.group); err == nil {
			return
		}
	}
	t.Errorf("systemdtest: its control group stays: %v", err)
}

// enter returns a command that runs in its namespaces.
func (s *Systemd) enter(args ...string) *exec.Cmd {
	pid := strconv.Itoa(s.cmd.Process.Pid)
	return exec.Command("nsenter", append([]string{"--target", pid, "--mount", "--pid", "--ipc", "--uts", "--"}, args...)...)
}
