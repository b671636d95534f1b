package heal

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/aside"
	"github.com/hale-go/hale/observe"
)

// Executor carries commands out. It may be used from any goroutine.
type Executor struct {
	target   Target
	journal  *Journal
	remedies map[string]Named
	timeout  time.Duration
	overrun  atomic.Int64
}

// NewExecutor returns an executor that gives each remedy at most timeout.
func NewExecutor(t Target, j *Journal, timeout time.Duration, remedies ...Named) *Executor {
	x := &Executor{target: t, journal: j, timeout: timeout, remedies: map[string]Named{}}
	for _, r := range remedies {
		x.remedies[r.Name] = r
	}
	return x
}

// Overrun returns how many goroutines of remedies that ran out of time still
// run.
func (x *Executor) Overrun() int { return int(x.overrun.Load()) }

// Execute writes the command into the journal, carries it out, journals its
// result and returns it as an event for the next turn. When the journal cannot
// be written, remedies that contain go on from memory and destructive ones are
// refused. A remedy that panics has failed; one that runs out of time too, and
// is left behind. Of an error's text the first 400 bytes are kept, with '_' for
// what is not printable.
func (x *Executor) Execute(ctx context.Context, c Command) observe.Event {
	result, detail := x.execute(ctx, c)
	now := time.Now()
	if err := x.journal.Append(Entry{Time: now, Command: c, Result: result, Detail: detail}); err != nil {
		detail = join(detail, text(err))
	}
	return observe.Event{
		Time: now, Kind: observe.EventRemedy, Subject: c.Subject, Command: c.ID,
		Incident: c.Incident, Remedy: c.Remedy, Op: string(c.Op), Result: result, Detail: detail,
	}
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func (x *Executor) execute(ctx context.Context, c Command) (result, detail string) {
	if c.Withheld != "" {
		return ResultWithheld, c.Withheld
	}
	r, ok := x.remedies[c.Remedy]
	if !ok {
		return ResultFailed, "no such remedy"
	}
	if err := x.journal.Append(Entry{Time: time.Now(), Command: c}); err != nil {
		if r.Destructive {
			return ResultFailed, "refused: " + text(err)
		}
		detail = text(err)
	}
	out := x.run(ctx, r, c)
	return out.result, join(detail, out.detail)
}

var (
	errNoTime = errors.New("heal: remedy ran out of time")
	errExited = errors.New("heal: remedy ended its goroutine")
)

// run gives the remedy its time on a goroutine of its own. Its error is read
// there too: it is the user's code as well.
func (x *Executor) run(ctx context.Context, r Named, c Command) outcome {
	ctx, cancel := context.WithTimeoutCause(ctx, x.timeout, errNoTime)
	defer cancel()
	out, err := aside.Call(x.timeout, &x.overrun, func() outcome { return outcomeOf(apply(ctx, x.target, r, c)) })
	switch {
	case err == nil:
		return out
	case errors.Is(err, aside.ErrOverran):
		err = errNoTime
	case errors.Is(err, aside.ErrGoexit):
		err = errExited
	default:
		err = fmt.Errorf("heal: remedy panicked: %w", err)
	}
	return outcome{ResultFailed, text(err)}
}

func apply(ctx context.Context, t Target, r Named, c Command) error {
	u, undoable := r.Remedy.(Undoer)
	switch {
	case c.Op == OpApply:
		return r.Remedy.Apply(ctx, t, c)
	case undoable && c.Op == OpProbe:
		return u.Probe(ctx, t, c)
	case undoable && c.Op == OpUndo:
		return u.Undo(ctx, t, c)
	}
	return fmt.Errorf("%w: it has no %s", ErrNotApplicable, c.Op)
}
