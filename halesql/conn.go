package halesql

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/hale-go/hale"
)

// conn is a driver's connection under hale's care, with what it makes no difference to
// database/sql whether a driver has it. See newConn for the rest. As any connection, it
// is used by one goroutine at a time.
type conn struct {
	inner driver.Conn
	db    *database
	held  *held // nil: nothing
}

// held is the span of a statement that the driver wants to have prepared first, by
// [driver.ErrSkip].
type held struct {
	span
	query string
}

func (c *conn) unwrap() driver.Conn { return c.inner }

// hold keeps a span for the preparation, which is next.
func (c *conn) hold(s span, query string) {
	c.drop()
	c.held = &held{s, query}
}

// drop ends a span for which there was none.
func (c *conn) drop() {
	if c.held != nil {
		c.held.Finish(outcomeUnsent, false)
		c.held = nil
	}
}

// Prepare is PrepareContext without a context.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext prepares a statement.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if h := c.held; h != nil && h.query == query {
		c.held = nil
		defer func() { // if the driver panics
			if h != nil {
				h.broke()
			}
		}()
		s, err := prepare(ctx, c.inner, query)
		if err != nil || s == nil {
			h.end(err)
			return s, err
		}
		st := newStmt(c, s, h.Operation(), &h.span)
		h = nil
		return st, nil
	}
	in, s := c.db.begin(ctx, c.db.prepare)
	defer s.broke()
	st, err := prepare(in, c.inner, query)
	s.end(err)
	if err != nil || st == nil {
		return st, err
	}
	return newStmt(c, st, c.db.statement(query), nil), nil
}

func prepare(ctx context.Context, c driver.Conn, query string) (driver.Stmt, error) {
	if p, ok := c.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	s, err := c.Prepare(query)
	if err == nil && ctx.Err() != nil {
		_ = s.Close() // nobody is to see it
		return nil, ctx.Err()
	}
	return s, err
}

// Close closes the connection.
func (c *conn) Close() error {
	c.drop()
	return c.inner.Close()
}

// Begin is BeginTx without a context.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx begins a transaction.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	in, s := c.db.begin(ctx, c.db.beginTx)
	defer s.broke()
	t, err := begin(in, c.inner, opts)
	s.end(err)
	if err != nil || t == nil {
		return t, err
	}
	return &tx{t, c.db, ctx}, nil
}

func begin(ctx context.Context, c driver.Conn, opts driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, opts)
	}
	switch {
	case opts.Isolation != 0:
		return nil, errors.New("halesql: the driver has no isolation levels but its default")
	case opts.ReadOnly:
		return nil, errors.New("halesql: the driver has no read-only transactions")
	}
	t, err := c.Begin() //nolint:staticcheck // it is what drivers without contexts have
	if err == nil && ctx.Err() != nil {
		_ = t.Rollback() // nobody is to see it
		return nil, ctx.Err()
	}
	return t, err
}

// Ping asks a driver that can be asked whether the connection works.
func (c *conn) Ping(ctx context.Context) error {
	p, ok := c.inner.(driver.Pinger)
	if !ok {
		return nil
	}
	ctx, s := c.db.begin(ctx, c.db.ping)
	defer s.broke()
	err := p.Ping(ctx)
	s.end(err)
	return err
}

// CheckNamedValue asks the driver, if it checks arguments.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.inner.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// tx is a transaction under hale's care.
type tx struct {
	inner driver.Tx
	db    *database
	ctx   context.Context // that it was begun with: Commit and Rollback are given none
}

// Commit ends the transaction.
func (t *tx) Commit() error { return t.end(t.db.commit, t.inner.Commit) }

// Rollback ends the transaction.
func (t *tx) Rollback() error { return t.end(t.db.rollback, t.inner.Rollback) }

func (t *tx) end(op *hale.Operation, call func() error) error {
	ctx := context.WithoutCancel(t.ctx)
	if t.ctx.Err() != nil { // database/sql rolls it back by itself, maybe after whoever began it has ended
		ctx = context.Background()
	}
	_, s := t.db.begin(ctx, op)
	defer s.broke()
	err := call()
	s.end(err)
	return err
}
