package process_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/systemdtest"
	"github.com/hale-go/hale/process"
)

// The same service under systemd itself, by the unit that is offered for it.
func TestSystemd(t *testing.T) {
	s, err := systemdtest.Start(t)
	if errors.Is(err, systemdtest.ErrForbidden) {
		t.Logf("NOT TESTED on a whole systemd, but by systemd-socket-activate and stand-ins: %v", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	offered, err := os.ReadFile("../deploy/systemd/shop.service")
	if err != nil {
		t.Fatal(err)
	}
	var all []func()
	test := func(name, network, address, more string, body func(*testing.T, *shop)) {
		o := &shop{Systemd: s, unit: name + ".service", network: network, at: address}
		s.Unit(t, o.unit, string(offered))
		s.Unit(t, o.unit+".d/test.conf", "[Service]\nExecStart=\nExecStart="+systemdtest.Program()+
			"\nEnvironment=PROCESS_TEST_CHILD=unit NETWORK="+network+" ADDRESS="+address+"\n"+more)
		all = append(all, func() {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // each waits most of the time
				body(t, o)
			})
		})
	}
	gate := filepath.Join(s.Dir, "gate")
	test("ready", "tcp", "127.0.0.1:0", "Environment=GATE="+gate, func(t *testing.T, o *shop) { testReady(t, o, gate) })
	test("restart", "tcp", "127.0.0.1:0", "", testRestart)
	test("watchdog", "tcp", "127.0.0.1:0", "WatchdogSec=2s", testWatchdog)
	test("leave", "tcp", "127.0.0.1:0", "WatchdogSec=4s\nEnvironment=DRAIN=6s", testLeave)
	test("unix", "unix", filepath.Join(s.Dir, "s"), "", testUnix)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	for name, of := range map[string][2]string{"bytcp": {"tcp", free.Addr().String()}, "byunix": {"unix", filepath.Join(s.Dir, "u")}} {
		s.Unit(t, name+".socket", "[Socket]\nListenStream="+of[1]+"\n")
		test(name, of[0], of[1], "", testSocketUnit)
	}
	s.Must(t, "daemon-reload")
	if said, err := s.Run("systemd-analyze", "verify", "--man=no", "ready.service"); strings.Contains(said, "ready.service") || err != nil {
		t.Errorf("the unit that is offered: %s, %v", said, err)
	}
	for _, run := range all {
		run()
	}
}

// systemd's own program passes sockets, where there is no whole systemd.
func TestSocketActivate(t *testing.T) {
	activate := systemdtest.Find(t, "systemd-socket-activate")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	unwanted := filepath.Join(t.TempDir(), "s")
	for network, address := range map[string]string{"tcp": free.Addr().String(), "unix": filepath.Join(t.TempDir(), "s")} {
		t.Run(network, func(t *testing.T) {
			p := newParent(t)
			cmd := exec.CommandContext(t.Context(), activate, "--listen="+unwanted, "--listen="+address, "--fdname=unwanted:shop.socket",
				"--setenv=PROCESS_TEST_CHILD=serve", "--setenv=NETWORK="+network, "--setenv=ADDRESS="+address, "--setenv=NOTIFY_SOCKET="+p.path,
				systemdtest.Program())
			out := new(strings.Builder)
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said, err := told(network, address, "")
			for deadline := time.Now().Add(systemdtest.Patience); err != nil && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				said, err = told(network, address, "") // it does not listen yet
			}
			if failed := cmd.Wait(); said != "hello" || err != nil || failed != nil || !strings.Contains(out.String(), "listening "+address) {
				t.Errorf("it answered %q, %v, and ended, %v, with %s", said, err, failed, out)
			}
			p.want(t, "FDSTOREREMOVE=1\nFDNAME=unwanted")
			p.want(t, "READY=1")
		})
	}
}

// shop is one unit that is tested.
type shop struct {
	*systemdtest.Systemd
	unit, network, at string
}

// start starts it, and sees where it listens.
func (o *shop) start(t *testing.T) {
	t.Helper()
	o.Must(t, "start", o.unit)
	o.located(t)
}

func (o *shop) located(t *testing.T) {
	t.Helper()
	status := o.Show(t, o.unit, "StatusText")
	at, ok := strings.CutPrefix(status, "serves ")
	if !ok {
		t.Fatalf("the status is %q: %s", status, o.Said(o.unit))
	}
	o.at = at
}

// want has the service do something, and returns what it says.
func (o *shop) want(t *testing.T, what string) string {
	t.Helper()
	said, err := told(o.network, o.at, what)
	if err != nil {
		t.Fatalf("%s: %q, %v: %s", what, said, err, o.Said(o.unit))
	}
	return said
}

// load has clients connect, one after the other, until the test says that it is enough, and
// returns what failed.
func (o *shop) load() (enough func() []error) {
	return systemdtest.Load(func() error { _, err := told(o.network, o.at, "pid"); return err })
}

// refused are those of the errors that say that nobody listens.
func refused(all []error) (out []error) {
	for _, err := range all {
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
			out = append(out, err)
		}
	}
	return out
}

func testReady(t *testing.T, o *shop, gate string) {
	o.Must(t, "start", "--no-block", o.unit)
	o.Await(t, o.unit, "NFileDescriptorStore", "1") // it listens
	if state := o.Show(t, o.unit, "ActiveState"); state != "activating" {
		t.Errorf("it is %s before it says that it is ready", state)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Await(t, o.unit, "ActiveState", "active")
	o.located(t)
	if pid := o.want(t, "pid"); pid != o.Show(t, o.unit, "MainPID") {
		t.Errorf("%s serves", pid)
	}
	if said := o.want(t, "handover"); !strings.HasPrefix(said, process.ErrNoParent.Error()) {
		t.Errorf("Handover: %s", said)
	}
	o.Must(t, "stop", o.unit)
	if said := o.Said(o.unit); said != "drained\n" {
		t.Errorf("it said %q", said)
	}
	if _, err := told(o.network, o.at, "pid"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a service that was stopped for good is connected to: %v", err)
	}
}

// Nobody is refused while it is restarted or starts again after a crash, and a restart loses
// no answer.
func testRestart(t *testing.T, o *shop) {
	o.start(t)
	first := o.want(t, "pid")
	enough := o.load()
	o.Must(t, "restart", o.unit)
	second := o.want(t, "pid")
	if failed := enough(); second == first || len(failed) > 0 {
		t.Errorf("%s was followed by %s; failed: %v", first, second, failed)
	}
	enough = o.load()
	for range 3 { // within the limit of starts
		_, _ = told(o.network, o.at, "crash")
		o.want(t, "pid") // it waited for the next
	}
	if failed := refused(enough()); len(failed) > 0 || o.Show(t, o.unit, "NRestarts") != "3" {
		t.Errorf("%s restarts; refused: %v", o.Show(t, o.unit, "NRestarts"), failed)
	}
	old := o.at
	o.Unit(t, o.unit+".d/wants.conf", "[Service]\nEnvironment=NETWORK=tcp4\n")
	o.Must(t, "daemon-reload")
	o.Must(t, "restart", o.unit)
	o.located(t)
	o.want(t, "pid")
	if n := o.Show(t, o.unit, "NFileDescriptorStore"); n != "1" {
		t.Errorf("%s sockets are kept", n)
	}
	if _, err := told(o.network, old, "pid"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("an address that nobody wants any more is connected to: %v", err)
	}
}

// One that hangs is killed, says where it hung, and is started again.
func testWatchdog(t *testing.T, o *shop) {
	o.start(t)
	first := o.want(t, "hang")
	o.await(t, first)
	for _, want := range []string{"SIGABRT", "process_test.unit"} {
		if said := o.Said(o.unit); !strings.Contains(said, want) {
			t.Errorf("there is no %q in what it said: %.2000s", want, said)
		}
	}
	second := o.want(t, "pid")
	o.Must(t, "kill", "--kill-who=main", "--signal=STOP", o.unit) // the whole process hangs
	o.await(t, second)
	o.want(t, "pid")
}

// await waits until another process than a given one serves.
func (o *shop) await(t *testing.T, pid string) {
	t.Helper()
	for deadline := time.Now().Add(systemdtest.Patience); o.Show(t, o.unit, "MainPID") == pid; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s goes on: %s", pid, o.Log())
		}
	}
}

// One that leaves, since nobody can hand it over, drains for as long as it takes and is
// started again.
func testLeave(t *testing.T, o *shop) {
	o.start(t)
	enough := o.load()
	said := o.want(t, "leave")
	err, first, _ := strings.Cut(said, " ")
	o.Await(t, o.unit, "ActiveState", "deactivating") // it said STOPPING=1
	o.await(t, first)
	second := o.want(t, "pid")
	if failed := enough(); err != "<nil>" || second == first || len(failed) > 0 {
		t.Errorf("it said %q and was followed by %s; failed: %v", said, second, failed)
	}
	if said := o.Said(o.unit); said != "drained\n" {
		t.Errorf("it said %.2000s", said)
	}
}

// The file of a Unix socket stays for as long as the socket is kept, and is not in the way
// afterwards.
func testUnix(t *testing.T, o *shop) {
	o.start(t)
	enough := o.load()
	o.Must(t, "restart", o.unit)
	_, _ = told(o.network, o.at, "crash")
	o.want(t, "pid")
	if failed := refused(enough()); len(failed) > 0 {
		t.Errorf("refused: %v", failed)
	}
	o.Must(t, "stop", o.unit)
	o.start(t)
	o.want(t, "pid")
}

// A socket unit's socket is known by its address, starts the service, and outlives it.
func testSocketUnit(t *testing.T, o *shop) {
	socket := strings.Replace(o.unit, ".service", ".socket", 1)
	o.Must(t, "start", socket)
	enough := o.load()
	first, err := strconv.Atoi(o.want(t, "pid")) // starts it
	if err != nil {
		t.Fatal(err)
	}
	_, _ = told(o.network, o.at, "crash")
	o.want(t, "pid")
	o.Must(t, "stop", o.unit) // it is wanted again at once
	last := o.want(t, "pid")
	if failed := refused(enough()); len(failed) > 0 || last == strconv.Itoa(first) {
		t.Errorf("%d was followed by %s; refused: %v", first, last, failed)
	}
	if n := o.Show(t, o.unit, "NFileDescriptorStore"); n != "0" {
		t.Errorf("%s sockets are kept beside the unit's", n)
	}
	o.Must(t, "stop", socket, o.unit)
}
