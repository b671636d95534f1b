package main_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	hale "github.com/hale-go/hale/cmd/hale"
	"github.com/hale-go/hale/cmd/hale/internal/run"
	"github.com/hale-go/hale/process"
)

var update = flag.Bool("update", false, "write what the scripts compare with")

// leakless has the tests leave no goroutine behind.
type leakless struct{ *testing.M }

func (m leakless) Run() int {
	if code := m.M.Run(); code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestMain makes this program the command hale, and the service that it runs.
func TestMain(m *testing.M) {
	testscript.Main(leakless{m}, map[string]func(){"hale": hale.Main, "service": service})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error { e.Setenv("GORACE", "atexit_sleep_ms=0"); return nil }, // services end when they end
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "incidents": incidents, "until": until},
	})
}

// exits runs a command that is to exit with a code: "exits 2 hale run".
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command [argument]...")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		code = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// until waits until a file has a text, so many times: "until log msg=ready 2".
func until(ts *testscript.TestScript, neg bool, args []string) {
	times := 1
	if len(args) == 3 {
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		times = n
	} else if neg || len(args) != 2 {
		ts.Fatalf("usage: until file text [times]")
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Count(string(data), args[1]) >= times {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("waited in vain: %v\n%s", err, data)
		}
	}
}

var aWhile = regexp.MustCompile(`restart in \S+`)

// incidents prints a file of incidents, without what differs from run to run.
func incidents(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: incidents file")
	}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var i run.Incident
		ts.Check(json.Unmarshal([]byte(line), &i))
		if i.At.IsZero() || i.Uptime < 0 || (i.Fault == run.FaultCrash) != (len(i.Fingerprint) == 16 && len(i.Stack) > 0 && i.Goroutines > 0 && len(i.Output) > 0) {
			ts.Fatalf("%s", line)
		}
		if i.Fault == run.FaultNeverReady && (len(i.Groups) == 0 || i.Goroutines == 0) { // it says where it is
			ts.Fatalf("%s", line)
		}
		i.At, i.PID, i.Uptime, i.Fingerprint, i.Stack, i.Goroutines, i.Groups = time.Time{}, 0, 0, "", nil, 0, nil
		i.Site, _, _ = strings.Cut(i.Site, ":")
		i.Action = aWhile.ReplaceAllString(i.Action, "restart in a while")
		if i.Fault == run.FaultCrash { // of Go, which a newer one prints otherwise
			i.Output = nil
		}
		out, err := json.MarshalIndent(i, "", "  ")
		ts.Check(err)
		fmt.Fprintf(ts.Stdout(), "%s\n", out)
	}
}

// service does what its arguments say, one by one.
func service() {
	for args := os.Args[1:]; len(args) > 0; args = args[2:] {
		switch what, of := args[0], args[1]; what {
		case "say":
			fmt.Fprintln(os.Stderr, of)
		case "exit":
			code, _ := strconv.Atoi(of)
			os.Exit(code)
		case "panic":
			panic(of)
		case "signal": // sends itself one
			n, _ := strconv.Atoi(of)
			_ = syscall.Kill(os.Getpid(), syscall.Signal(n))
			time.Sleep(time.Minute)
		case "print":
			fmt.Println(os.Getenv(of))
		case "await": // a file
			for _, err := os.Stat(of); err != nil; _, err = os.Stat(of) {
				time.Sleep(5 * time.Millisecond)
			}
		case "ready":
			if err := process.Ready(); err != nil {
				panic(err)
			}
		case "wait":
			c := make(chan os.Signal, 1)
			signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
			<-c
		}
	}
}
