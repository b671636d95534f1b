package run_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const orphans = 20

func init() {
	// reaper is a runner that processes are left to.
	services["reaper"] = func() {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			panic(err)
		}
		services["runner"]()
	}
	// leaves leaves processes behind that have left its group, and goes on; then says how many of them
	// have ended and not been waited for.
	services["leaves"] = func() {
		begun()
		for range orphans {
			cmd := exec.Command("/bin/sh", "-c", "sleep 0.1 & exit 0")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := cmd.Run(); err != nil {
				panic(err)
			}
		}
		note("socket " + os.Getenv("NOTIFY_SOCKET"))
		for range 1000 { // until the test has seen what it wants to
			time.Sleep(10 * time.Millisecond)
			note(fmt.Sprintf("parent %d", os.Getppid()))
			if _, err := os.Stat(os.Getenv("NOTES") + ".enough"); err == nil {
				os.Exit(9)
			}
		}
	}
}

// children counts the children of a process, and those that have ended and are not waited for.
func children(t *testing.T, parent int) (all, zombies int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != fmt.Sprint(parent) {
			continue
		}
		if all++; string(fields[0]) == "Z" {
			zombies++
		}
	}
	return all, zombies
}

// What services leave to the first process of a container, or to who was made its reaper, does
// not stay for ever; and the end of the service is not missed for it. Nobody outside of the
// container is taken for the service.
func TestOrphans(t *testing.T) {
	for name, attr := range map[string]*syscall.SysProcAttr{
		"reaper": {},
		"first":  {Cloneflags: syscall.CLONE_NEWPID},
	} {
		t.Run(name, func(t *testing.T) {
			mode := "runner"
			switch {
			case name == "reaper":
				mode = "reaper"
			case os.Getuid() != 0: // then it takes a namespace of users too, which some systems do not allow
				attr.Cloneflags |= syscall.CLONE_NEWUSER
				attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
			}
			s := &started{t: t, notes: filepath.Join(t.TempDir(), "notes"), told: &syncWriter{}}
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.SysProcAttr = attr
			cmd.Stdout, cmd.Stderr = s.told, s.told
			cmd.Env = append(os.Environ(), "SERVICE="+mode, "INNER=leaves", `CONFIG={"Restart":"never"}`, "PROGRAM="+os.Args[0], "NOTES="+s.notes)
			if err := cmd.Start(); err != nil {
				if name == "first" {
					t.Logf("this system lets nobody make a container here: %v", err)
					return
				}
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = cmd.Wait() // its code is looked at
			}()
			defer cmd.Process.Kill() //nolint:errcheck // it has ended, as a rule
			address := s.after("socket", 1)
			if name == "first" {
				if parent := s.after("parent", 1); parent != "1" {
					t.Errorf("it is %s", parent)
				}
				strangers(t, address)
			}
			s.until("only the service is left", func() bool {
				all, zombies := children(t, cmd.Process.Pid)
				return all == 1 && zombies == 0
			})
			if err := os.WriteFile(s.notes+".enough", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(patience):
				t.Fatal("it does not end")
			}
			if code := cmd.ProcessState.ExitCode(); code != 9 {
				t.Errorf("exit code %d: %s", code, s.told)
			}
			if strings.Contains(s.told.String(), "from a stranger") {
				t.Errorf("a message from outside was taken: %s", s.told)
			}
		})
	}
}

// strangers sends a message to a service's parent from outside of its container, where
// nobody's PID is known.
func strangers(t *testing.T, address string) {
	t.Helper()
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() // of the test
	if _, err := c.Write([]byte("STATUS=from a stranger")); err != nil {
		t.Error(err)
	}
}
