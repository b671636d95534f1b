package halesql

import (
	"context"
	"database/sql/driver"
	"errors"
)

// What database/sql does depends on whether a connection has these four, so a
// connection has those that the driver's has:
//
//   - without ExecContext or QueryContext, arguments are checked by the prepared
//     statement only, which may take more types than the connection;
//   - with both ResetSession and IsValid, a connection is used again after a
//     transaction on it was cancelled.
type (
	execs   = driver.ExecerContext
	queries = driver.QueryerContext
	resets  = driver.SessionResetter
	valids  = driver.Validator
)

// newConn returns the driver's connection under hale's care.
func newConn(db *database, inner driver.Conn) driver.Conn {
	c := &conn{inner: inner, db: db}
	r, _ := inner.(driver.SessionResetter)
	v, _ := inner.(driver.Validator)
	e, q := execer{c}, queryer{c}
	has := 0
	if isExecer(inner) {
		has |= 8
	}
	if isQueryer(inner) {
		has |= 4
	}
	if r != nil {
		has |= 2
	}
	if v != nil {
		has |= 1
	}
	switch has {
	case 1:
		return struct {
			*conn
			valids
		}{c, v}
	case 2:
		return struct {
			*conn
			resets
		}{c, r}
	case 3:
		return struct {
			*conn
			resets
			valids
		}{c, r, v}
	case 4:
		return struct {
			*conn
			queries
		}{c, q}
	case 5:
		return struct {
			*conn
			queries
			valids
		}{c, q, v}
	case 6:
		return struct {
			*conn
			queries
			resets
		}{c, q, r}
	case 7:
		return struct {
			*conn
			queries
			resets
			valids
		}{c, q, r, v}
	case 8:
		return struct {
			*conn
			execs
		}{c, e}
	case 9:
		return struct {
			*conn
			execs
			valids
		}{c, e, v}
	case 10:
		return struct {
			*conn
			execs
			resets
		}{c, e, r}
	case 11:
		return struct {
			*conn
			execs
			resets
			valids
		}{c, e, r, v}
	case 12:
		return struct {
			*conn
			execs
			queries
		}{c, e, q}
	case 13:
		return struct {
			*conn
			execs
			queries
			valids
		}{c, e, q, v}
	case 14:
		return struct {
			*conn
			execs
			queries
			resets
		}{c, e, q, r}
	case 15:
		return struct {
			*conn
			execs
			queries
			resets
			valids
		}{c, e, q, r, v}
	}
	return c
}

func isExecer(c driver.Conn) bool {
	if _, ok := c.(driver.ExecerContext); ok {
		return true
	}
	_, ok := c.(driver.Execer) //nolint:staticcheck // drivers without contexts have it
	return ok
}

func isQueryer(c driver.Conn) bool {
	if _, ok := c.(driver.QueryerContext); ok {
		return true
	}
	_, ok := c.(driver.Queryer) //nolint:staticcheck // drivers without contexts have it
	return ok
}

type execer struct{ c *conn }

// ExecContext executes a query that is not prepared.
func (e execer) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return direct(e.c, ctx, query, func(ctx context.Context) (driver.Result, error) {
		if x, ok := e.c.inner.(driver.ExecerContext); ok {
			return x.ExecContext(ctx, query, args)
		}
		values, err := valuesOf(ctx, args)
		if err != nil {
			return nil, err
		}
		return e.c.inner.(driver.Execer).Exec(query, values) //nolint:staticcheck // as newConn found
	})
}

type queryer struct{ c *conn }

// QueryContext queries without a preparation.
func (q queryer) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return direct(q.c, ctx, query, func(ctx context.Context) (driver.Rows, error) {
		if x, ok := q.c.inner.(driver.QueryerContext); ok {
			return x.QueryContext(ctx, query, args)
		}
		values, err := valuesOf(ctx, args)
		if err != nil {
			return nil, err
		}
		return q.c.inner.(driver.Queryer).Query(query, values) //nolint:staticcheck // as newConn found
	})
}

// direct makes one call of a connection a span of the query's operation.
func direct[T any](c *conn, ctx context.Context, query string, call func(context.Context) (T, error)) (T, error) {
	in, s := c.db.begin(ctx, c.db.statement(query))
	skipped := false
	defer func() {
		if !skipped {
			s.broke()
		}
	}()
	out, err := call(in)
	if skipped = err == driver.ErrSkip; skipped { //nolint:errorlint // database/sql compares so
		c.hold(s, query)
		return out, err
	}
	s.end(err)
	return out, err
}

// valuesOf returns arguments for a driver without contexts.
func valuesOf(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return nil, errors.New("halesql: the driver has no named parameters")
		}
		values[i] = a.Value
	}
	return values, ctx.Err()
}
