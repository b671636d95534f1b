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

// child is a process that ends with this one.
type child struct {
	name string
	cmd  *exec.Cmd
	in   io.Closer // the child ends when this closes, be it by our own death
	out  io.ReadCloser
	done chan struct{}
	err  error // valid when done is closed
}

// startChild runs a command, which is called so. Its log goes to logs.
func startChild(logs *os.File, name, path string, args ...string) (*child, error) {
	p := &child{name: name, done: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	p.cmd.Stderr = logs
	var err error
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
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// watch calls f when the child ends before ctx does.
func (p *child) watch(ctx context.Context, f func(error)) {
	select {
	case <-ctx.Done():
	case <-p.done:
		f(fmt.Errorf("%s ended by itself: %w", p.name, errors.Join(p.err, errEarly)))
	}
}

var errEarly = errors.New("it should have gone on")

// stop asks the child to end, and ends it when it does not.
func (p *child) stop(patience time.Duration) error {
	_ = p.in.Close() // it may be gone already
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not end within %v and was killed", p.name, patience)
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}
