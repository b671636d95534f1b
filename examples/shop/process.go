package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// process is this program run again, as a child that ends with its parent.
type process struct {
	name string
	cmd  *exec.Cmd
	in   io.Closer // the child ends when this closes, be it by our own death
	out  io.ReadCloser
	done chan struct{}
	err  error // valid when done is closed
}

// startProcess runs the command of that name. Its log goes to logs.
func startProcess(logs *os.File, name string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, done: make(chan struct{})}
	p.cmd = exec.Command(self, append([]string{name, "-child"}, args...)...)
	p.cmd.Stderr = logs
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	// Not StdoutPipe: Wait would close it while it is still being read.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.out, p.cmd.Stdout = read, write
	err = p.cmd.Start()
	_ = write.Close() // the child has its own
	if err != nil {
		_ = read.Close()
		return nil, fmt.Errorf("start shop %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// watch calls f when the child ends before ctx does.
func (p *process) watch(ctx context.Context, f func(error)) {
	select {
	case <-ctx.Done():
	case <-p.done:
		f(fmt.Errorf("shop %s ended by itself: %w", p.name, errors.Join(p.err, errEarly)))
	}
}

var errEarly = errors.New("it should have gone on")

// stop asks the child to end, and ends it when it does not.
func (p *process) stop(patience time.Duration) error {
	_ = p.in.Close() // it may be gone already
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("shop %s did not end within %v and was killed", p.name, patience)
	}
	if p.err != nil {
		return fmt.Errorf("shop %s: %w", p.name, p.err)
	}
	return nil
}
