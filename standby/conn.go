package standby

import (
	"context"
	"database/sql/driver"
	"errors"
)

// conn is a driver's connection that knows its side. It answers for what the driver's
// lacks as database/sql would.
type conn struct {
	inner driver.Conn
	of    *Connector
	at    int
}

// Raw returns the driver's own connection of what [sql.Conn.Raw] gives, and v itself if
// it is no connection of this package.
func Raw(v any) any {
	if c, ok := v.(*conn); ok {
		return c.inner
	}
	return v
}

// ResetSession refuses a connection to a side that is not to be used any more. It is called
// before a pooled connection is used again.
func (c *conn) ResetSession(ctx context.Context) error {
	if !c.of.usable(c.at) {
		return driver.ErrBadConn
	}
	if r, ok := c.inner.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// IsValid says whether the connection may go back to the pool.
func (c *conn) IsValid() bool {
	if !c.of.usable(c.at) {
		return false
	}
	if v, ok := c.inner.(driver.Validator); ok {
		return v.IsValid()
	}
	return true
}

// Close closes it, aside if its side is not to be used.
func (c *conn) Close() error {
	if c.of.usable(c.at) {
		return c.inner.Close()
	}
	c.of.bury(c.inner)
	return nil
}

// Prepare prepares a statement.
func (c *conn) Prepare(query string) (driver.Stmt, error) { return c.inner.Prepare(query) }

// PrepareContext prepares a statement.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := c.inner.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	s, err := c.inner.Prepare(query)
	if err == nil && ctx.Err() != nil {
		_ = s.Close() // nobody is to see it
		return nil, ctx.Err()
	}
	return s, err
}

// ExecContext carries out a statement, if the driver can without preparing it.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if e, ok := c.inner.(driver.ExecerContext); ok {
		return e.ExecContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

// QueryContext asks a query, if the driver can without preparing it.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if q, ok := c.inner.(driver.QueryerContext); ok {
		return q.QueryContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

// Begin begins a transaction.
func (c *conn) Begin() (driver.Tx, error) {
	return c.inner.Begin() //nolint:staticcheck // it is what the interface has
}

// BeginTx begins a transaction.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.inner.(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, opts)
	}
	switch {
	case opts.Isolation != 0:
		return nil, errors.New("standby: the driver has no isolation levels but its default")
	case opts.ReadOnly:
		return nil, errors.New("standby: the driver has no read-only transactions")
	}
	t, err := c.Begin()
	if err == nil && ctx.Err() != nil {
		_ = t.Rollback() // nobody is to see it
		return nil, ctx.Err()
	}
	return t, err
}

// Ping asks a driver that can be asked whether the connection works.
func (c *conn) Ping(ctx context.Context) error {
	if p, ok := c.inner.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

// CheckNamedValue asks the driver, if it checks arguments.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.inner.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}
