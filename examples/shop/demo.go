package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// demoLimit ends a demo that hangs.
const demoLimit = 170 * time.Second

var (
	errLimit   = fmt.Errorf("the demo took longer than %v", demoLimit)
	errVerdict = errors.New("the demo did not come to what is promised")
)

// demo runs the shop under the program hale, and load on it, plays the script, and prints
// the verdict.
// With keep it then leaves everything running until ctx is done. In the folder
// record, if there is one, it leaves hale's recording and journal.
func demo(ctx context.Context, keep bool, hale, record string, out io.Writer) (err error) {
	if hale, err = exec.LookPath(hale); err != nil {
		return fmt.Errorf("the demo needs the program hale, which keeps the shop up: %w\nmake demo builds it; otherwise build it from cmd/hale, and say where it is: shop demo -hale PATH", err)
	}
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
	st := &stage{out: out, dir: dir, hale: hale, record: record, logs: logs}
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

// stage is the processes of a demo.
type stage struct {
	out    io.Writer
	dir    string
	hale   string // the program
	record string // folder for hale's recording; "": none
	logs   *os.File
	shop   *child // "hale run", with the shop as its child
	load   *child
	at     addresses

	following sync.WaitGroup // of the shop's processes
	reading   sync.WaitGroup // of the load's lines
	mu        sync.Mutex
	opened    []opening // processes of the shop
	total     tallies   // of the load so far
	bad       error     // a line that could not be read
}

// opening is that a process of the shop serves.
type opening struct {
	addresses
	at time.Time
}

// obituaryFile is where "hale run" tells of incidents.
func obituaryFile(dir string) string { return filepath.Join(dir, "incidents.jsonl") }

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
	s := &script{admin: newAdminClient(st.at.Admin), timeline: timeline{st.out, start}, dir: st.dir, opened: st.openings, record: record{Start: start}}
	defer s.admin.close()
	if err := s.run(ctx); err != nil {
		return verdict{}, err
	}
	if err := s.lastAct(ctx); err != nil {
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
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if st.shop, err = startChild(st.logs, "hale run", st.hale, "run", "--notify", "--incidents", obituaryFile(st.dir), "--",
		self, "serve", "-child", "-dir", st.dir, "-record", st.record); err != nil {
		return err
	}
	go st.shop.watch(ctx, fail)
	ready := make(chan error, 1)
	st.following.Go(func() { st.follow(json.NewDecoder(st.shop.out), ready) })
	select {
	case err := <-ready:
		if err != nil {
			return fmt.Errorf("the shop did not open: %w; its log is in %s", err, st.logs.Name())
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	st.at = st.openings()[0].addresses
	if st.load, err = startChild(st.logs, "shop load", self, "load", "-child", "-target", st.at.Service); err != nil {
		return err
	}
	go st.load.watch(ctx, fail)
	st.reading.Go(func() { st.read(json.NewDecoder(st.load.out)) })
	return nil
}

// openings are who has served so far.
func (st *stage) openings() []opening {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.opened)
}

// follow notes who serves, until the last process of the shop has ended. ready is told of
// the first.
func (st *stage) follow(lines *json.Decoder, ready chan<- error) {
	for {
		var a addresses
		err := lines.Decode(&a)
		if err == nil {
			st.mu.Lock()
			st.opened = append(st.opened, opening{a, time.Now()})
			st.mu.Unlock()
		}
		select {
		case ready <- err:
		default: // it was told
		}
		if err != nil {
			return
		}
	}
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
	for _, p := range []*child{st.load, st.shop} {
		if p != nil {
			errs = append(errs, p.stop(10*time.Second))
			_ = p.out.Close()
		}
	}
	st.reading.Wait()
	st.following.Wait()
	return errors.Join(errs...)
}
