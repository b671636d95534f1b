package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Interval returns how often the parent wants to hear that the service is alive before it
// takes it for one that hangs, 0 if it does not ask. Environment variables that say
// something impossible give an error.
func Interval() (time.Duration, error) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0, fmt.Errorf("hale: process: WATCHDOG_USEC: %w", err)
	}
	return every, nil
}

// asksFor is how often the service is asked in one interval, so that an answer may be late.
const asksFor = 3

// Watch tells the parent that the service is alive, in time, for as long as alive returns
// nil; what it returns otherwise is sent as the status, and the parent acts when it has
// heard nothing for its whole interval. alive is called on a goroutine of its own each
// time: it is one proof that goroutines are run. One that hangs or panics is no sign of
// life, and is not called again before it has come back. nil asks for nothing but that.
// What alive should look at says package health, whose Live fits.
//
// When ctx ends it says [Stopping] and returns: without that word the parent would take the
// silence of a service that drains for that of one that hangs. So give it a context that ends when
// the service is to, and not before. It returns at once, with
// nil, where no parent asks; and with an error if what it asks for makes no sense.
func Watch(ctx context.Context, alive func(context.Context) error) error {
	every, err := Interval()
	if err != nil || every == 0 || !Supervised() {
		return err
	}
	ticker := time.NewTicker(max(every/asksFor, time.Millisecond))
	defer ticker.Stop()
	answers := make(chan error, 1) // of the one ask that is under way
	asking, told := false, ""
	for {
		if !asking {
			asking = true
			go ask(ctx, every, alive, answers)
		}
		select {
		case <-ctx.Done():
			_ = Stopping()
			return nil
		case err := <-answers:
			told = tell(err, told)
		case <-ticker.C: // it takes long: it is asked one at a time
			continue
		}
		asking = false
		select {
		case <-ctx.Done():
			_ = Stopping()
			return nil
		case <-ticker.C:
		}
	}
}

// tell sends a sign of life, or why there is none. A parent that does not hear it acts in its
// own way.
func tell(err error, told string) string {
	if err != nil {
		text := "not alive: " + err.Error()
		_ = Status(text)
		return text
	}
	_ = send("WATCHDOG=1", soon)
	if told != "" {
		_ = Status("alive")
	}
	return ""
}

// ask asks once, and answers in any case.
func ask(ctx context.Context, limit time.Duration, alive func(context.Context) error, answers chan<- error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := errors.New("it ended the goroutine that asked")
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
		answers <- err
	}()
	if alive == nil {
		err = nil
		return
	}
	err = alive(ctx)
}
