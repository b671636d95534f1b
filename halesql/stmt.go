package halesql

import (
	"context"
	"database/sql/driver"

	"github.com/hale-go/hale"
)

// stmt is a prepared statement under hale's care.
type stmt struct {
	inner driver.Stmt
	conn  *conn
	op    *hale.Operation
	held  *span // of the call that it was prepared for; nil: none
}

// converts has a name of its own, since the field would hide the method.
type converts = driver.ColumnConverter //nolint:staticcheck // drivers have it

// newStmt returns the driver's statement under hale's care. It has a ColumnConverter
// only if the driver's has, since without one database/sql converts by itself.
func newStmt(c *conn, inner driver.Stmt, op *hale.Operation, held *span) driver.Stmt {
	s := &stmt{inner, c, op, held}
	if cc, ok := inner.(driver.ColumnConverter); ok { //nolint:staticcheck // drivers have it
		return struct {
			*stmt
			converts
		}{s, cc}
	}
	return s
}

// Close closes the statement.
func (s *stmt) Close() error {
	if s.held != nil {
		s.held.Finish(outcomeUnsent, false)
		s.held = nil
	}
	return s.inner.Close()
}

// NumInput is the driver's.
func (s *stmt) NumInput() int { return s.inner.NumInput() }

// CheckNamedValue asks the statement, or else the connection, as database/sql would.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := s.inner.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return s.conn.CheckNamedValue(v)
}

// Exec is ExecContext without a context.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), named(args))
}

// Query is QueryContext without a context.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), named(args))
}

func named(args []driver.Value) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, v := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return out
}

// ExecContext executes the statement.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return run(s, ctx, func(ctx context.Context) (driver.Result, error) {
		if x, ok := s.inner.(driver.StmtExecContext); ok {
			return x.ExecContext(ctx, args)
		}
		values, err := valuesOf(ctx, args)
		if err != nil {
			return nil, err
		}
		return s.inner.Exec(values) //nolint:staticcheck // it is what drivers without contexts have
	})
}

// QueryContext queries by the statement.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return run(s, ctx, func(ctx context.Context) (driver.Rows, error) {
		if x, ok := s.inner.(driver.StmtQueryContext); ok {
			return x.QueryContext(ctx, args)
		}
		values, err := valuesOf(ctx, args)
		if err != nil {
			return nil, err
		}
		return s.inner.Query(values) //nolint:staticcheck // it is what drivers without contexts have
	})
}

// run makes one call of a statement a span, or the end of the one that it was prepared
// for.
func run[T any](s *stmt, ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	var sp span
	if s.held != nil {
		sp, s.held = *s.held, nil
	} else {
		ctx, sp = s.conn.db.begin(ctx, s.op)
	}
	defer sp.broke()
	out, err := call(ctx)
	sp.end(err)
	return out, err
}
