package hale

import "context"

// unit is one function that runs on a pool's worker. It is the context that the
// function gets, and nothing else, since every unit pays for its bytes: what
// user code need not know is in the worker and in the ticket.
type unit struct {
	scope
}

// ticket is what a job has that most jobs do not need: somebody who waits for
// it, a body that uses its worker's state, or leave to be run again. It belongs
// to whoever cleared the pointer of the worker that ran the unit last.
type ticket struct {
	body       func(context.Context, any) error // gets the worker's state; nil: the job has the body
	again      func(context.Context) error      // for the second run; nil with body
	idempotent bool                             // to be run again, once, if it is abandoned
	second     bool                             // this is that run

	done     chan struct{} // nil when nobody waits
	err      error         // set before done is closed
	returned bool          // err is of the body's own return
}

// settle gives the unit its result, if anybody wants it. The worker's pointer
// sees to it that only one side does.
func (t *ticket) settle(err error, returned bool) {
	if t == nil || t.done == nil {
		return
	}
	t.err, t.returned = err, returned
	close(t.done)
}

// secondRun returns the job that runs an abandoned unit once more, if it may be.
// The caller owns the ticket.
func (u *unit) secondRun(t *ticket) (job, bool) {
	if t == nil || !t.idempotent || t.second {
		return job{}, false
	}
	t.second = true
	return job{ctx: u.parent, fn: t.again, ticket: t}, true
}

// UnitOption declares something about a unit. See [Idempotent].
type UnitOption func(*unitOptions)

type unitOptions struct {
	idempotent bool
}

// Idempotent says that a unit, or the function of a [Call], may be run more than once.
//
// A call is then tried again after a timeout too, when the first try may still be under
// way; see [DomainConfig.Retry]. Other failures are tried again anyway, where its domain
// declares a retry, unless it is [NotIdempotent].
//
// If a unit's worker is abandoned, it is run again, once, on a fresh worker and before all units that
// wait, with a context and a budget of its own, instead of ending with
// [ErrAbandoned]. Whoever waits gets the result of the second run; what the
// first returns, if it ever does, is dropped. The first run may still be under
// way then, which is why the submitter must say that it does no harm.
func Idempotent() UnitOption { return func(o *unitOptions) { o.idempotent = true } }

func gatherUnit(opts []UnitOption) (o unitOptions) {
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}
