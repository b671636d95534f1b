package heal

import (
	"context"
	"errors"
	"fmt"

	"github.com/hale-go/hale/observe"
)

// Names of the built-in remedies.
const (
	RemedyCancel     = "cancel"
	RemedyAbandon    = "abandon"
	RemedyQuarantine = "quarantine"
	// RemedyQuarantineDomain cuts off all names of the subject's domain and of those
	// within it. It is in no ladder by default.
	RemedyQuarantineDomain = "quarantine_domain"
	RemedyShed             = "shed"    // what is not critical in the subject's domain gets the room that is left over
	RemedyShrink           = "shrink"  // halve the limit of the domain's bulkhead
	RemedyDegrade          = "degrade" // set the domain's switch: do less
	RemedyRestart          = "restart"
	// RemedyHandover has a successor take the process's place, which drains and ends. It
	// deals with what only the end of the process cures, and may be put at the end of any
	// ladder. What is to outlive the process, its tasks have to save, as in a checkpoint.
	RemedyHandover = "handover"
)

// ErrNotApplicable is returned by a remedy that cannot be used on the subject.
// The ladder then climbs at once.
var ErrNotApplicable = errors.New("heal: remedy does not apply to this subject")

// ErrGone is returned by a remedy whose tasks have all ended meanwhile. The
// detector will see it too.
var ErrGone = errors.New("heal: the tasks have ended")

// Gate says what a site lets through.
type Gate uint8

// The gates.
const (
	GateOpen   Gate = iota // everything: no quarantine
	GateProbe              // a few tasks a second: probation
	GateClosed             // nothing: quarantine
)

// Target is what remedies act on. The runtime implements it. Its methods do not
// block, may be called from any goroutine, and return [ErrNotApplicable], wrapped
// with the reason, when there is nothing that they can act on. SetGate and Restart
// refuse so for a name that is a catch-all, whose tasks have nothing but that name in
// common.
type Target interface {
	// Cancel cancels the context of a task.
	Cancel(id observe.TaskID, cause error) error
	// Abandon stops waiting for a task and gives its place to a fresh one where
	// the developer allowed that.
	Abandon(id observe.TaskID) error
	// SetGate sets what the tasks of a name may do, or of a whole domain; see
	// [DomainGate]. probes counts for GateProbe.
	SetGate(name string, g Gate, probes int) error
	// Degrade has a switch be at a level, 1 or more, because an incident asks for it:
	// by is its ID. Others may ask for it too, and the highest level counts.
	Degrade(name, by string, level int) error
	// Restore takes back what an incident asked for. The level falls by and by. It does
	// nothing when the incident asks for nothing.
	Restore(name, by string) error
	// Restart starts the supervised children of a name afresh.
	Restart(name string) error
	// Handover has a successor take the process's place, in a while, for an incident: by is
	// its ID. It refuses while something that the service depends on is down.
	Handover(by, why string) error
}

// Remedy is one way to deal with a fault.
//
// Apply does it and returns quickly: it has as long as its context allows and
// is then left behind. It returns [ErrNotApplicable] when it cannot be used on
// the command's subject, and any other error when it failed. It must be safe to
// call again for the same command.
type Remedy interface {
	Apply(ctx context.Context, t Target, c Command) error
}

// Undoer is a [Remedy] that can be taken back. Such a remedy is held: after it
// has helped, it is probed and then undone.
type Undoer interface {
	Remedy
	Probe(ctx context.Context, t Target, c Command) error
	Undo(ctx context.Context, t Target, c Command) error
}

// Named is a remedy and what the healer must know of it.
type Named struct {
	Name   string
	Remedy Remedy
	// Needs is the mode that allows it. Default: contain, since observe carries
	// nothing out.
	Needs Act
	// Destructive remedies need evidence from two independent channels.
	Destructive bool
	// HitsAll says that it deals with all tasks of a name, also those that are not at
	// fault. It is not used on a name that is a catch-all.
	HitsAll bool
}

// Builtin returns the built-in remedies.
func Builtin() []Named {
	return []Named{
		{Name: RemedyCancel, Remedy: cancel{}, Needs: Contain},
		{Name: RemedyAbandon, Remedy: abandon{}, Needs: Contain},
		{Name: RemedyQuarantine, Remedy: quarantine{}, Needs: Contain, HitsAll: true},
		{Name: RemedyQuarantineDomain, Remedy: quarantine{domain: true}, Needs: Contain},
		{Name: RemedyShed, Remedy: degrade{kind: ShedSwitch, level: 2}, Needs: Contain},
		{Name: RemedyShrink, Remedy: degrade{kind: ShrinkSwitch, level: 1}, Needs: Contain},
		{Name: RemedyDegrade, Remedy: degrade{level: 1}, Needs: Contain},
		{Name: RemedyRestart, Remedy: restart{}, Needs: Full, Destructive: true, HitsAll: true},
		{Name: RemedyHandover, Remedy: handover{}, Needs: Full, Destructive: true},
	}
}

// ErrCancelled is in the cause that the cancel remedy cancels with. Work that is
// cancelled by any remedy gets hale.ErrRemedied.
var ErrCancelled = errors.New("heal: cancelled by a remedy")

type cancel struct{}

func (cancel) Apply(_ context.Context, t Target, c Command) error {
	return each(c, func(id observe.TaskID) error {
		return t.Cancel(id, fmt.Errorf("%w for %s", ErrCancelled, c.Incident))
	})
}

type abandon struct{}

func (abandon) Apply(_ context.Context, t Target, c Command) error {
	return each(c, t.Abandon)
}

// each calls f for the tasks that are at fault. A fault that names none is not
// answered by hitting every task of the name.
func each(c Command, f func(observe.TaskID) error) error {
	reached, gone := 0, 0
	var last error
	for _, id := range c.Tasks {
		switch err := f(id); {
		case err == nil:
			reached++
		case errors.Is(err, ErrGone):
			gone++
		default:
			last = err
		}
	}
	switch {
	case reached > 0:
		return nil
	case gone > 0 && gone == len(c.Tasks):
		return ErrGone
	case last != nil:
		if errors.Is(last, ErrNotApplicable) {
			return last
		}
		return fmt.Errorf("%w: %w", ErrNotApplicable, last)
	}
	return ErrNotApplicable
}

// DomainGate before the name of a domain makes it one for [Target.SetGate]: that of all
// names in the domain and in those within it, but for catch-alls.
const DomainGate = "domain:"

// quarantine cuts off a name, or its whole domain.
type quarantine struct{ domain bool }

func (q quarantine) Apply(_ context.Context, t Target, c Command) error {
	return q.gate(t, c, GateClosed)
}

func (q quarantine) Probe(_ context.Context, t Target, c Command) error {
	return q.gate(t, c, GateProbe)
}

func (q quarantine) Undo(_ context.Context, t Target, c Command) error {
	return q.gate(t, c, GateOpen)
}

func (q quarantine) gate(t Target, c Command, g Gate) error {
	name := q.of(c.Subject)
	if name == "" {
		return ErrNotApplicable
	}
	return t.SetGate(name, g, c.Probes)
}

// of returns what is cut off, "" for nothing.
func (q quarantine) of(s observe.Subject) string {
	switch {
	case !q.domain:
		return s.Name
	case s.Domain == "":
		return ""
	}
	return DomainGate + string(s.Domain)
}

type handover struct{}

func (handover) Apply(_ context.Context, t Target, c Command) error {
	return t.Handover(c.Incident, c.Why)
}

type restart struct{}

func (restart) Apply(_ context.Context, t Target, c Command) error {
	if c.Subject.Name == "" {
		return ErrNotApplicable
	}
	return t.Restart(c.Subject.Name)
}
