package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// chaos runs the service under "hale run", asks it for orders, and breaks it.
type chaos struct {
	hale             string
	rate, handovers  int
	steady, watchdog time.Duration
	out              io.Writer

	url       string
	parent    *exec.Cmd
	incidents string // the file
	log       lockedBuffer
	load      *load

	failed, refused, restarts int
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// incident is what hale run tells of one.
type incident struct {
	Fault, Message, Action, Fingerprint, Site string
}

func (c *chaos) run(ctx context.Context) (err error) {
	folder, err := os.MkdirTemp("", "handover-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	c.incidents = filepath.Join(folder, "incidents.jsonl")
	if err := c.start(ctx); err != nil {
		return err
	}
	defer func() {
		_ = c.parent.Process.Signal(syscall.SIGTERM)
		_ = c.parent.Wait()
		if err != nil {
			fmt.Fprintf(c.out, "%s\n", c.log.String())
		}
	}()
	if err := c.ready(ctx, 1); err != nil {
		return err
	}
	c.load = newLoad(c.url)
	loading, stop := context.WithCancel(ctx)
	var asked sync.WaitGroup
	asked.Go(func() { c.load.run(loading, c.rate) })
	defer func() { stop(); asked.Wait() }()
	served := 1
	for n := range c.handovers {
		served++
		name := fmt.Sprintf("handover %d", n+1)
		if err := c.fault(ctx, name, served, func() error { return c.parent.Process.Signal(syscall.SIGUSR2) }); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, name := range []string{"hang", "crash", "fatal"} {
		served++
		c.restarts++
		if err := c.fault(ctx, name, served, func() error {
			return ask(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, http.MethodPost, c.url+"/faults/"+name, http.NoBody)
		}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := c.tell(name); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.out, "process: failed=%d refused=%d restarts=%d\n", c.failed, c.refused, c.restarts)
	return nil
}

// start starts "hale run" with the service, on a port that is free.
func (c *chaos) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := l.Addr().String()
	_ = l.Close()
	c.url = "http://" + address
	c.parent = exec.CommandContext(ctx, c.hale, "run", "--watchdog", c.watchdog.String(), "--max-restarts", "100", "--incidents", c.incidents, "--", self, "serve", "-address", address)
	c.parent.Stdout, c.parent.Stderr = &c.log, &c.log
	c.parent.Cancel = func() error { return c.parent.Process.Signal(syscall.SIGTERM) }
	return c.parent.Start()
}

// ready waits until the n-th process serves.
func (c *chaos) ready(ctx context.Context, n int) error {
	for deadline := time.Now().Add(30 * time.Second); bytes.Count([]byte(c.log.String()), []byte("msg=ready")) < n; {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return errors.New("no process got ready in 30 s")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// fault breaks the service, waits until the n-th process serves and all is over, and says
// what clients lost.
func (c *chaos) fault(ctx context.Context, name string, n int, hurt func() error) error {
	if err := rest(ctx, c.steady); err != nil {
		return err
	}
	before := c.load.cut()
	began := time.Now()
	if err := hurt(); err != nil {
		return err
	}
	if err := c.ready(ctx, n); err != nil {
		return err
	}
	took := time.Since(began)
	if err := rest(ctx, 4*time.Second); err != nil { // the old one drains
		return err
	}
	during := c.load.cut()
	c.failed += before.failed + during.failed
	c.refused += before.refused + during.refused
	fmt.Fprintf(c.out, "%s: requests=%d failed=%d refused=%d ready_after=%v p99_before=%v p99_during=%v\n",
		name, during.requests, during.failed, during.refused, took.Round(time.Millisecond), before.p99.Round(10*time.Microsecond), during.p99.Round(10*time.Microsecond))
	for _, s := range []sums{before, during} {
		if s.example != nil {
			fmt.Fprintf(c.out, "  one of them: %v\n", s.example)
		}
	}
	return nil
}

// tell says what hale run said of a fault.
func (c *chaos) tell(name string) error {
	data, err := os.ReadFile(c.incidents)
	if err != nil {
		return err
	}
	var last incident
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		last = incident{}
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.out, "  incident: %s: %s; %s", last.Fault, last.Message, last.Action)
	if last.Fingerprint != "" {
		fmt.Fprintf(c.out, "; %s at %s", last.Fingerprint, last.Site)
	}
	fmt.Fprintln(c.out)
	return nil
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
