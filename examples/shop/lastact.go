package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/hale-go/hale/diagnose"
)

// successionLimit is how long a process may take to give way to the next.
const successionLimit = 20 * time.Second

// lastAct plays the endings, when all else is over.
func (s *script) lastAct(ctx context.Context) error {
	for _, e := range endings {
		if err := s.end(ctx, e); err != nil {
			return fmt.Errorf("%s: %w", e.Fault, err)
		}
	}
	now, err := s.admin.status(ctx)
	if err != nil {
		return err
	}
	s.record.Last = now
	s.record.Pages, err = readLines[page](exportFile(s.dir))
	return err
}

// end has a process end, and watches how the next takes its place.
func (s *script) end(ctx context.Context, e ending) error {
	was, err := s.admin.status(ctx)
	if err != nil {
		return err
	}
	c := &succession{ending: e, From: was.PID}
	s.last = c
	defer func() { s.record.Successions = append(s.record.Successions, *c) }()
	known := len(s.opened())
	s.show(c.Fault, c.mark(time.Now(), stepBegun, e.Begun))
	if err := s.admin.turn(ctx, e.Fault, true); err != nil && (e.Handover || ctx.Err() != nil) {
		return err
	}
	for !c.reached(stepRecovered) {
		if time.Since(c.Steps[stepBegun]) > successionLimit {
			c.Problems = append(c.Problems, "it is not over after "+successionLimit.String())
			return nil
		}
		if err := rest(ctx, pollEvery); err != nil {
			return err
		}
		if err := s.look(ctx, c, known); err != nil {
			return err
		}
	}
	return s.calm(ctx, calmAfter)
}

// look takes a succession further, if there is news of it. known is how many processes had
// opened before.
func (s *script) look(ctx context.Context, c *succession, known int) error {
	if err := s.read(ctx); err != nil && ctx.Err() != nil { // else there is nobody to ask
		return err
	}
	now, asked := s.admin.status(ctx)
	if asked == nil && now.PID == c.From {
		c.Lost = max(c.Lost, now.Abandoned)
	}
	if err := s.readObituaries(c); err != nil {
		return err
	}
	if all := s.opened(); len(all) > known {
		c.To = all[known].PID
		s.show(c.Fault, c.mark(all[known].at, stepSuccessor, fmt.Sprintf("process %d has the sockets of %d", c.To, c.From)))
	}
	if !c.reached(stepSuccessor) {
		return nil
	}
	if !runs(c.From) {
		s.show(c.Fault, c.mark(time.Now(), stepGone, fmt.Sprintf("process %d has ended", c.From)))
	}
	if !c.reached(stepGone) || c.Handover && !c.reached(stepReported) || asked != nil || now.PID != c.To || now.Sample.Time.IsZero() {
		return nil
	}
	pages, err := readLines[page](exportFile(s.dir))
	on := slices.IndexFunc(pages, func(p page) bool { return p.PID == c.To })
	if err != nil || on < 0 {
		return err
	}
	c.Left = now.Abandoned
	c.Outcome = diagnose.Recovered
	text := fmt.Sprintf("the export goes on at page %d; %d goroutines, %d of them lost, %d before",
		pages[on].Number, now.Sample.Goroutines, c.Left, c.Lost)
	s.show(c.Fault, c.mark(time.Now(), stepRecovered, text))
	return nil
}

// readObituaries looks for what "hale run" says of the process.
func (s *script) readObituaries(c *succession) error {
	told := stepDied
	if c.Handover {
		told = stepReported
	}
	var err error
	s.record.Obituaries, err = readLines[obituary](obituaryFile(s.dir))
	for _, o := range s.record.Obituaries {
		if o.PID == c.From {
			s.show(c.Fault, c.mark(o.At, told, o.String()))
		}
	}
	return err
}

// runs reports whether a process has not ended yet.
func runs(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release() //nolint:errcheck // it was only asked for
	return !errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
