package halesql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/hale-go/hale"
)

// Outcomes that are no types of errors.
const (
	outcomeBadConn = "bad connection" // database/sql tries again on another
	outcomePanic   = "panic"          // the driver did
	outcomeUnsent  = "not sent"       // its arguments were not what the statement takes
)

// span is a [hale.Span] and the context that it was begun with.
type span struct {
	*hale.Span
	ctx context.Context
}

func (d *database) begin(ctx context.Context, op *hale.Operation) (context.Context, span) {
	in, s := op.Start(ctx)
	return in, span{s, ctx}
}

// end ends the span with what the driver returned.
func (s span) end(err error) {
	switch {
	case err == nil, errors.Is(err, sql.ErrNoRows):
		s.End(nil)
	case errors.Is(err, driver.ErrBadConn):
		s.Finish(outcomeBadConn, false)
	case s.ctx.Err() == nil:
		s.failed(err)
	case errors.Is(s.ctx.Err(), context.DeadlineExceeded), errors.Is(context.Cause(s.ctx), hale.ErrBudget):
		s.End(context.DeadlineExceeded) // drivers have errors of their own for that
	default:
		s.End(context.Canceled)
	}
}

// failed ends the span with an error of the driver or of the database.
func (s span) failed(err error) {
	code := stateOf(err)
	if code == "" {
		s.End(err)
		return
	}
	outcome := "sqlstate " + code
	if ofCaller(code) {
		s.Operation().Report(outcome)
		s.Finish(outcome, false)
		return
	}
	s.End(stated{err, outcome})
}

// broke ends the span of a driver that panicked, if it has not ended yet.
func (s span) broke() { s.Finish(outcomePanic, true) }
