package run_test

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

// The count is that of the own control group, of version 2.
func TestOOMKills(t *testing.T) {
	const events = "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 0\n"
	for _, c := range []struct {
		cgroup, at, events string
		want               int
		known              bool
	}{
		{"4:memory:/a\n0::/a/b.service\n", "sys/fs/cgroup/a/b.service", events, 3, true},
		{"0::/\n", "sys/fs/cgroup", events, 3, true},
		{"0::/../../x\n", "sys/fs/cgroup/x", events, 3, true},
		{"0::/a\n", "sys/fs/cgroup/b", events, 0, false},
		{"0::/a\n", "sys/fs/cgroup/a", "oom_kill\noom_kill_x 5\n", 0, false},
		{"0::/a\n", "sys/fs/cgroup/a", "oom_kill many\n", 0, false},
		{"4:memory:/a\n", "sys/fs/cgroup/a", events, 0, false},
		{"", "sys/fs/cgroup", events, 0, false},
	} {
		undo := run.SetHost(fstest.MapFS{"proc/self/cgroup": {Data: []byte(c.cgroup)}, c.at + "/memory.events": {Data: []byte(c.events)}})
		n, known := run.OOMKills()
		undo()
		if n != c.want || known != c.known {
			t.Errorf("%+v: %d, %v", c, n, known)
		}
	}
}

// killer is a kernel that kills between any two looks, or never, and may tell of it only later.
type killer struct {
	opened        *atomic.Int64 // files
	strikes, late bool
}

func (k killer) Open(name string) (fs.File, error) {
	n, events := k.opened.Add(1), "oom_kill 5\n"
	if k.late && n == 1 {
		return nil, fs.ErrNotExist
	}
	if k.strikes {
		events = fmt.Sprintf("oom_kill %d\n", n)
	}
	return fstest.MapFS{"proc/self/cgroup": {Data: []byte("0::/a\n")}, "sys/fs/cgroup/a/memory.events": {Data: []byte(events)}}.Open(name)
}

// Who was killed by SIGKILL may have been by the kernel, for want of memory, and is said to have been
// where that is known.
func TestKilledFromOutside(t *testing.T) {
	const known = "killed by SIGKILL: the kernel's out-of-memory killer has struck in its control group"
	const unknown = "killed by SIGKILL from outside, such as the kernel's out-of-memory killer"
	for _, c := range []struct {
		strikes, late bool
		want          string
	}{
		{true, false, known},
		{false, false, unknown},
		{true, true, unknown}, // it may have been before the service was started
		{false, true, unknown},
	} {
		undo := run.SetHost(killer{new(atomic.Int64), c.strikes, c.late})
		s := start(t, "mute", run.Config{Restart: run.Never})
		pid, _ := strconv.Atoi(s.after("begun", 1))
		_ = syscall.Kill(pid, syscall.SIGKILL)
		if code := s.exit(); code != 137 {
			t.Errorf("exit code %d", code)
		}
		undo()
		if in := s.incidents(); len(in) != 1 || in[0].Fault != run.FaultKilled || in[0].Message != c.want || in[0].Signal != "killed" {
			t.Errorf("%+v", in)
		}
	}
	s := start(t, "mute", run.Config{Restart: run.Never})
	pid, _ := strconv.Atoi(s.after("begun", 1))
	_ = syscall.Kill(pid, syscall.SIGTERM)
	_ = s.exit()
	if in := s.incidents(); len(in) != 1 || in[0].Message != "killed by SIGTERM" {
		t.Errorf("%+v", in)
	}
}

// Where hale run stopped a service the log says why, and in a handover who is who.
func TestLogSaysWhy(t *testing.T) {
	s, _ := serving(t, run.Config{})
	if a := <-ask(s.control); a.err != nil {
		t.Fatal(a.err)
	}
	first, second := s.after("begun", 1), s.after("begun", 2)
	s.logged("msg=ended", 1)
	s.stop()
	_ = s.exit()
	log := s.log.String()
	for _, want := range []string{
		"msg=handover why=\"hale handover\" predecessor=" + first + " successor=" + second + "\n",
		"msg=ready pid=" + second + " role=successor after=",
		"msg=\"handed over\" predecessor=" + first + " successor=" + second + "\n",
		"msg=ended pid=" + first + " role=predecessor code=0 after=",
		"why=\"handed over to PID " + second + "\"\n",
		"msg=ended pid=" + second + " code=0 after=",
		"why=terminated\n",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q", want)
		}
	}
}
