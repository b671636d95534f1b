package run_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
	"github.com/hale-go/hale/process"
)

func init() {
	// drains answers, when it is told to end, the connection that waits, closes its listener, and
	// goes on until it is let go.
	services["drains"] = func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		l, err := process.Listen(os.Getenv("NETWORK"), os.Getenv("ADDRESS"))
		if err != nil {
			panic(err)
		}
		begun()
		_ = process.Ready()
		note("address " + l.Addr().String())
		<-c
		_ = process.Stopping()
		waits, err := l.Accept()
		if err != nil {
			panic(err)
		}
		fmt.Fprint(waits, os.Getpid())
		_ = waits.Close()
		if at := os.Getenv("LATE"); at != "" { // one more is opened, and given to the parent
			late, err := process.Listen("unix", at)
			if err != nil {
				panic(err)
			}
			_ = late.Close()
			_ = process.Stopping()
		}
		_ = l.Close()
		note("closed its listener")
		for _, err := os.Stat(os.Getenv("NOTES") + ".go"); err != nil; _, err = os.Stat(os.Getenv("NOTES") + ".go") {
			time.Sleep(5 * time.Millisecond)
		}
	}
	// impatient says that it wants less time than it has, and when it ends that it wants more.
	services["impatient"] = func() {
		begun()
		tell("EXTEND_TIMEOUT_USEC=1000")
		time.Sleep(300 * time.Millisecond)
		tell("READY=1")
		tell("STOPPING=1\nEXTEND_TIMEOUT_USEC=60000000")
		time.Sleep(time.Second)
	}
}

// Once the runner has been told to end, a connection that comes when the service has closed its
// listener is refused at once; those that wait are the service's. The files of Unix sockets are
// taken away at the end, unless they are another's by then.
func TestStopClosesSockets(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for _, held := range []string{"from the start", "when the service gives it"} {
			t.Run(network+" "+held, func(t *testing.T) {
				address, late := "127.0.0.1:0", ""
				cfg := run.Config{StopTimeout: patience}
				if network == "unix" {
					dir, err := os.MkdirTemp("", "h") // a short path
					if err != nil {
						t.Fatal(err)
					}
					defer os.RemoveAll(dir)
					address = filepath.Join(dir, "s")
				}
				if network == "unix" && held != "from the start" {
					late = address + ".late"
				}
				if held == "from the start" {
					cfg.Listen = []string{strings.TrimPrefix(network+":", "tcp:") + address}
				}
				s := start(t, "drains", cfg, "NETWORK="+network, "ADDRESS="+address, "LATE="+late)
				at := s.after("address", 1)
				s.until("it is ready", func() bool { return strings.Contains(s.log.String(), "msg=ready") })
				waits, err := net.Dial(network, at)
				if err != nil {
					t.Fatal(err)
				}
				defer waits.Close() // of the test
				s.stop()
				_ = s.after("closed", 1)
				if c, err := net.Dial(network, at); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("a late connection: %v", err)
					if err == nil {
						_ = c.Close()
					}
				}
				if late != "" {
					s.until("nobody holds what was opened late", func() bool {
						c, err := net.Dial(network, late)
						if err == nil {
							_ = c.Close()
						}
						return errors.Is(err, syscall.ECONNREFUSED)
					})
				}
				answer := make([]byte, 20)
				if n, err := waits.Read(answer); err != nil || string(answer[:n]) != s.after("begun", 1) {
					t.Errorf("who waits is told %q, %v", answer[:n], err)
				}
				if network == "unix" {
					if _, err := os.Stat(address); err != nil {
						t.Errorf("the file is gone too soon: %v", err)
					}
				}
				if held == "from the start" && network == "unix" { // another takes the address
					_ = os.Remove(address)
					another, err := net.Listen(network, address)
					if err != nil {
						t.Fatal(err)
					}
					defer another.Close() // of the test
				}
				if err := os.WriteFile(s.notes+".go", nil, 0o600); err != nil {
					t.Fatal(err)
				}
				if code := s.exit(); code != 0 {
					t.Errorf("exit code %d", code)
				}
				if network == "tcp" {
					return
				}
				if _, err := os.Stat(address); (err == nil) != (held == "from the start") {
					t.Errorf("the file: %v", err)
				}
				if _, err := os.Stat(late); !os.IsNotExist(err) {
					t.Errorf("the file of what it gave late: %v", err)
				}
			})
		}
	}
}

// Who asks for more time never gets less, and may ask with the word that it ends.
func TestExtend(t *testing.T) {
	s := start(t, "impatient", run.Config{Notify: true, StopTimeout: 200 * time.Millisecond})
	if code := s.exit(); code != 0 || len(s.incidents()) != 0 {
		t.Errorf("exit code %d, %+v", code, s.incidents())
	}
	if pid, _ := strconv.Atoi(s.after("begun", 1)); pid == 0 {
		t.Error("it never began")
	}
}
