package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// demoLimit ends a demo that hangs.
const demoLimit = 115 * time.Second

var (
	errLimit   = fmt.Errorf("the demo took longer than %v", demoLimit)
	errVerdict = errors.New("the demo did not come to what is promised")
)

// demo runs the shop and load on it, plays the script, and prints the verdict.
// With keep it then leaves everything running until ctx is done. In the folder
// record, if there is one, it leaves hale's recording and journal.
func demo(ctx context.Context, keep bool, record string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "shop-demo-*")
	if err != nil {
		return err
	}
	logs, err := os.Create(filepath.Join(dir, "shop.log"))
	if err != nil {
		return err
	}
	defer func() {
		_ = logs.Close()
		if err == nil || ctx.Err() != nil {
			_ = os.RemoveAll(dir)
			return
		}
		fmt.Fprintf(out, "\nLogs and journal are in %s\n", dir)
	}()
	st := &stage{out: out, dir: dir, record: record, logs: logs}
	defer func() { err = errors.Join(err, st.stop()) }()
	v, err := st.play(ctx, keep)
	if err != nil {
		return err
	}
	v.print(out)
	if keep {
		fmt.Fprintf(out, "\nThe shop is still open at %s, its admin page at %s. End it with Ctrl-C.\n", st.at.Service, st.at.Admin)
		<-ctx.Done()
	}
	return v.err()
}

// stage is the two processes of a demo.
type stage struct {
	out    io.Writer
	dir    string
	record string // folder for hale's recording; "": none
	logs   *os.File
	shop   *process
	load   *process
	at     addresses

	reading sync.WaitGroup
	mu      sync.Mutex
	total   tallies // of the load so far
	bad     error   // a line that could not be read
}

// play starts everything, runs the script and judges it.
func (st *stage) play(ctx context.Context, keep bool) (verdict, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, demoLimit, errLimit)
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	start := time.Now()
	if err := st.open(ctx, fail); err != nil {
		return verdict{}, err
	}
	fmt.Fprintf(st.out, "The shop is open at %s, its admin page at %s.\n\n", st.at.Service, st.at.Admin)
	s := &script{admin: newAdminClient(st.at.Admin), timeline: timeline{st.out, start}, record: record{Start: start}}
	defer s.admin.close()
	if err := s.run(ctx); err != nil {
		return verdict{}, err
	}
	if keep {
		// Requests of the last moments are not waited for: the load goes on.
		if err := s.calm(ctx, calmAfter); err != nil {
			return verdict{}, err
		}
	} else {
		fail(nil) // ends the watch over the processes, before they do
		if err := st.load.stop(2 * requestTimeout); err != nil {
			return verdict{}, err
		}
		st.reading.Wait()
	}
	st.mu.Lock()
	s.record.Load = st.total
	err := st.bad
	st.mu.Unlock()
	v := judge(s.record)
	return v, err
}

// open starts the shop and then the load.
func (st *stage) open(ctx context.Context, fail func(error)) (err error) {
	if st.shop, err = startProcess(st.logs, "serve", "-dir", st.dir, "-record", st.record); err != nil {
		return err
	}
	go st.shop.watch(ctx, fail)
	ready := make(chan error, 1)
	go func() { ready <- json.NewDecoder(st.shop.out).Decode(&st.at) }()
	select {
	case err := <-ready:
		if err != nil {
			return fmt.Errorf("the shop did not open: %w; its log is in %s", err, st.logs.Name())
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if st.load, err = startProcess(st.logs, "load", "-target", st.at.Service); err != nil {
		return err
	}
	go st.load.watch(ctx, fail)
	st.reading.Go(func() { st.read(json.NewDecoder(st.load.out)) })
	return nil
}

// read adds up what the load generator writes, until it ends.
func (st *stage) read(lines *json.Decoder) {
	for {
		var l tallyLine
		err := lines.Decode(&l)
		st.mu.Lock()
		switch {
		case err == nil:
			st.total.plus(l)
		case !errors.Is(err, io.EOF):
			st.bad = fmt.Errorf("load: %w", err)
		}
		st.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// stop ends both processes, whatever happened before.
func (st *stage) stop() error {
	var errs []error
	for _, p := range []*process{st.load, st.shop} {
		if p != nil {
			errs = append(errs, p.stop(10*time.Second))
			_ = p.out.Close()
		}
	}
	st.reading.Wait()
	return errors.Join(errs...)
}
