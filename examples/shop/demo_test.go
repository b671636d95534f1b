package main_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// build makes the program and returns its path.
func build(t *testing.T) string { return buildIn(t, "shop", ".") }

// buildHale makes the program that keeps the shop up.
func buildHale(t *testing.T) string { return buildIn(t, "hale", "../../cmd/hale") }

func buildIn(t *testing.T, name, folder string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), name)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, ".")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// environ is the test's own, with its temporary folder and without the KEEP of
// a make that runs the tests.
func environ(t *testing.T) []string {
	t.Helper()
	return append(os.Environ(), "KEEP=", "TMPDIR="+t.TempDir())
}

// TestDemo runs the demo as make demo does, and holds it to what is promised. The
// recording that it keeps meanwhile must replay to what was decided.
func TestDemo(t *testing.T) {
	bin, hale := build(t), buildHale(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	record := filepath.Join(t.TempDir(), "record")
	cmd := exec.CommandContext(ctx, bin, "demo", "-hale", hale, "-record", record)
	cmd.Env = environ(t)
	began := time.Now()
	raw, err := cmd.CombinedOutput()
	out := string(raw)
	t.Logf("the demo took %v:\n%s", time.Since(began).Round(time.Second), out)
	if err != nil {
		t.Fatalf("shop demo: %v", err)
	}
	if took := time.Since(began); took > 3*time.Minute {
		t.Errorf("it took %v, promised are 3 minutes", took)
	}
	for _, want := range []string{
		`(?m)^fault +outcome +detect +isolate +recover +requests failed: before +during +after$`,
		`(?m)^leak +contained +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +\d+ +0$`,
		`(?m)^stuck-consumer +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +0 +0$`,
		`(?m)^panic-loop +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +0 +0$`,
		`(?m)^stuck-pool +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +\d+ +0$`,
		`(?m)^payments-down +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +0 +0$`,
		`(?m)^full-catalog +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +0 +0$`,
		`(?m)^error-burst +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +\d+ +0$`,
		`(?m)^slow-payments +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +0 +0$`,
		`(?m)^file-leak +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +0 +0$`,
		`(?m)^log-storm +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +0 +0$`,
		`(?m)^silence +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +0 +0$`,
		`(?m)^immortal +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +0 +0$`,
		`(?m)^fatal-error +recovered +\d+\.\ds +\d+\.\ds +\d+\.\ds +0 +\d+ +0$`,
		`(?m)^ *\+\d+\.\ds  leak +fault begun  `,
		`(?m)^ *\+\d+\.\ds  leak +confirmed .* recoclient\.\(\*Client\)\.fetchAhead client\.go:\d+`,
		`(?m)^ *\+\d+\.\ds  leak +isolated .*quarantine of GET /recommendations`,
		`(?m)^ *\+\d+\.\ds  stuck-consumer +suspected .*no heartbeat`,
		`(?m)^ *\+\d+\.\ds  panic-loop +confirmed .* invoices\.go:\d+`,
		`(?m)^ *\+\d+\.\ds  payments-down +isolated +payments\.charge: the breaker is open`,
		`(?m)^ *\+\d+\.\ds  payments-down +by contract .*the declared contract of payments\.charge is dealing with it`,
		`(?m)^ *\+\d+\.\ds  payments-down +recovered +the breaker is closed; \d+ calls fell back`,
		`(?m)^ *\+\d+\.\ds  full-catalog +isolated +shed of catalog`,
		`(?m)^ *\+\d+\.\ds  full-catalog +restored `,
		`(?m)^GET /orders, of another domain: \d+\.\d a second`,
		`(?m)^ *\+\d+\.\ds  immortal +confirmed +process\.goroutines: \d+ bodies were given up and still run`,
		`(?m)^ *\+\d+\.\ds  immortal +handover +inc-\d+: a successor is asked for`,
		`(?m)^ *\+\d+\.\ds  immortal +successor +process \d+ has the sockets of \d+`,
		`(?m)^ *\+\d+\.\ds  immortal +gone +process \d+ has ended`,
		`(?m)^ *\+\d+\.\ds  fatal-error +died +fatal error: concurrent map .* at main\.visits\.count visits\.go:\d+, fingerprint [0-9a-f]{16}; restart`,
		`(?m)^immortal: \d+ goroutines were lost, 0 are in the successor; 0 requests failed`,
		`(?m)^fatal-error: \d+ requests that were under way failed, 0 were refused`,
		`(?m)^orders\.export: \d+ pages of orders, in one go over 3 processes: none was lost`,
		`(?m)^ *\+\d+\.\ds  stuck-pool +isolated .*a fresh worker has its slot`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the output has no line like %s", want)
		}
	}
	checkRecording(t, filepath.Join(record, "1")) // of the first process, which all but the last act was in
	for _, later := range []string{"2", "3"} {
		if _, err := os.Stat(filepath.Join(record, later, "recording")); err != nil {
			t.Error(err)
		}
	}
}

// Whatever ends the demo ends its children too.
func TestDemoTakesItsChildrenWithIt(t *testing.T) {
	bin, hale := build(t), buildHale(t)
	for name, end := range map[string]os.Signal{"interrupted": os.Interrupt, "killed": os.Kill} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), bin, "demo", "-hale", hale)
			cmd.Env = environ(t)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(stdout)
			if !lines.Scan() {
				t.Fatal("the demo said nothing")
			}
			said := regexp.MustCompile(`open at (\S+), its admin page at (\S+)\.`).FindStringSubmatch(lines.Text())
			if said == nil {
				t.Fatalf("the demo said %q", lines.Text())
			}
			if !answers(said[1]) || !answers(said[2]) {
				t.Fatal("the shop does not answer")
			}
			if err := cmd.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() { // until the demo is gone
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) {
				t.Errorf("a demo that was %s ends with %v", name, err)
			}
			for deadline := time.Now().Add(15 * time.Second); answers(said[1]) || answers(said[2]); {
				if time.Now().After(deadline) {
					t.Fatal("the shop outlives the demo")
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
}

// answers reports whether somebody listens at the address.
func answers(url string) bool {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil
}

func TestUsage(t *testing.T) {
	bin := build(t)
	for _, args := range []string{"", "sell", "load", "demo twice", "demo -hale /nowhere/hale", "serve -color red", "serve -addr 0.0.0.0:0", "serve -admin example.com:80"} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		out, err := exec.CommandContext(ctx, bin, strings.Fields(args)...).CombinedOutput()
		cancel()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || len(out) == 0 {
			t.Errorf("shop %s: %v, %q; want it refused with a reason", args, err, out)
		}
	}
}
