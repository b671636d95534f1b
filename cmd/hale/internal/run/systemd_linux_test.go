package run_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/systemdtest"
	"github.com/hale-go/hale/process"
)

func init() { services["unit"] = unit }

// unit does on each connection what it is told and says its PID, until SIGTERM.
func unit() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := process.Listen(os.Getenv("NETWORK"), os.Getenv("ADDRESS"))
	if err != nil {
		panic(err)
	}
	if _, err := os.Stat(os.Getenv("BROKEN")); err == nil {
		fmt.Fprintln(os.Stderr, "this version is broken")
		os.Exit(4)
	}
	var hangs atomic.Bool
	go func() {
		_ = process.Watch(ctx, func(context.Context) error {
			if hangs.Load() {
				select {}
			}
			return nil
		})
	}()
	if err := errors.Join(process.Status("serves "+l.Addr().String()), process.Ready()); err != nil {
		panic(err)
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	var under sync.WaitGroup
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		under.Go(func() {
			defer c.Close() // it is answered
			line, err := bufio.NewReader(c).ReadString('\n')
			switch {
			case err != nil:
				return
			case line == "crash\n":
				go panic("no stock")
				select {} // what is open is closed by the end of the process, and not before
			case line == "hang\n":
				hangs.Store(true)
			}
			fmt.Fprintln(c, os.Getpid())
		})
	}
	under.Wait()
}

// parent is "hale run" as the main process of a unit.
type parent struct {
	*systemdtest.Systemd
	unit, network, at string
}

// told tells the service something, and returns what it says.
func (p *parent) told(what string) (string, error) {
	c, err := net.DialTimeout(p.network, p.at, patience)
	if err != nil {
		return "", err
	}
	defer c.Close() // it was read
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(c, what); err != nil {
		return "", err
	}
	said, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(said), err
}

// other waits until another process of the service than a given one serves, and returns it.
func (p *parent) other(t *testing.T, pid string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		now, err := p.told("pid")
		if err == nil && now != pid {
			return now
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s, %v: %s", now, err, p.Said(p.unit))
		}
	}
}

// load has clients connect, one after the other, until the test says that it is enough, and
// returns what failed.
func (p *parent) load() (enough func() []error) {
	return systemdtest.Load(func() error { _, err := p.told("pid"); return err })
}

// "hale run" under systemd, by the unit that is offered for it.
func TestSystemd(t *testing.T) {
	s, err := systemdtest.Start(t)
	if errors.Is(err, systemdtest.ErrForbidden) {
		t.Logf("NOT TESTED under systemd: %v", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	hale := filepath.Join(s.Dir, "hale")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", hale, "../..").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	offered, err := os.ReadFile("../../../../deploy/systemd/shop-hale.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		network, address string
		socket           bool
	}{{"tcp", "127.0.0.1:0", false}, {"unix", filepath.Join(s.Dir, "u"), true}} {
		t.Run(c.network, func(t *testing.T) {
			p := &parent{Systemd: s, unit: c.network + ".service", network: c.network, at: c.address}
			here := strings.NewReplacer("/usr/local/bin/hale", hale, "/usr/local/bin/shop", systemdtest.Program(), "/var/log/", s.Dir+"/"+c.network+"-")
			s.Unit(t, p.unit, here.Replace(string(offered)))
			s.Unit(t, p.unit+".d/test.conf", "[Service]\nEnvironment=SERVICE=unit NETWORK="+c.network+" ADDRESS="+c.address+" BROKEN="+filepath.Join(s.Dir, "broken")+"\n")
			if c.socket {
				s.Unit(t, c.network+".socket", "[Socket]\nListenStream="+c.address+"\n")
			}
			s.Must(t, "daemon-reload")
			if said, err := s.Run("systemd-analyze", "verify", "--man=no", p.unit); strings.Contains(said, p.unit) || err != nil {
				t.Errorf("the unit that is offered: %s, %v", said, err)
			}
			if c.socket {
				s.Must(t, "start", c.network+".socket")
			}
			testParent(t, p, c.socket)
		})
	}
}

func testParent(t *testing.T, p *parent, socket bool) {
	located := func() {
		t.Helper()
		at, ok := strings.CutPrefix(p.Show(t, p.unit, "StatusText"), "serves ")
		if !ok {
			t.Fatalf("the status of the service is not told: %s", p.Said(p.unit))
		}
		p.at = at
	}
	p.Must(t, "start", p.unit) // until the service is ready
	located()
	parent, first := p.Show(t, p.unit, "MainPID"), p.other(t, "")
	if first == parent {
		t.Fatal("there is no parent")
	}
	enough := p.load()
	p.Must(t, "reload", p.unit) // hands over
	second := p.other(t, first)
	if failed := enough(); len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	broken := filepath.Join(p.Dir, "broken")
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := p.Systemctl("reload", p.unit); err == nil {
		t.Errorf("the reload to a broken version worked: %s", said)
	}
	if pid, err := p.told("pid"); pid != second || err != nil || !strings.Contains(p.Said(p.unit), "hale: the handover failed; PID "+second+" goes on: exit status 4, and it said last: this version is broken") {
		t.Errorf("%s serves, %v: %s", pid, err, p.Said(p.unit))
	}
	_ = os.Remove(broken)
	_, _ = p.told("crash")
	third := p.other(t, second)
	if now := p.Show(t, p.unit, "MainPID"); now != parent || p.Show(t, p.unit, "NRestarts") != "0" {
		t.Errorf("the parent was %s and is %s", parent, now)
	}
	incidents, err := os.ReadFile(filepath.Join(p.Dir, p.network+"-shop-incidents.jsonl"))
	if err != nil || !strings.Contains(string(incidents), "no stock") {
		t.Errorf("the incidents: %s, %v", incidents, err)
	}
	p.Unit(t, p.unit+".d/watchdog.conf", "[Service]\nWatchdogSec=2s\n")
	p.Must(t, "daemon-reload")
	enough = p.load()
	p.Must(t, "restart", p.unit)
	if failed := enough(); socket && len(failed) > 0 { // it is systemd's, and there is no gap
		t.Errorf("failed: %v", failed)
	}
	located()
	fourth := p.other(t, third)
	// A parent that hangs is systemd's to kill, and its service goes with it.
	p.Must(t, "kill", "--kill-who=main", "--signal=STOP", p.unit)
	for deadline := time.Now().Add(patience); p.Show(t, p.unit, "NRestarts") == "0"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a parent that hangs goes on")
		}
	}
	p.Await(t, p.unit, "ActiveState", "active")
	located()
	last := p.other(t, fourth)
	p.Must(t, "stop", p.unit)
	if state := p.Show(t, p.unit, "ActiveState"); !socket && state != "inactive" {
		t.Errorf("it was stopped, and is %s", state)
	}
	if socket { // that starts the service again
		p.other(t, last)
		p.Must(t, "stop", p.network+".socket", p.unit)
	}
}
