package halesql_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// fake is a driver's connection that writes down how it is called. What a query says
// decides how it ends; see ask.
type fake struct {
	log   *log
	shape shape
	bad   bool // the next call finds the connection stale
}

// log is what a driver was called with, in order.
type log struct {
	mu    sync.Mutex
	lines []string
	stale int // connections that will be found stale
}

func (l *log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *log) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// shape makes of a connection and a statement what has some of the optional
// interfaces.
type shape struct {
	conn func(*fake) driver.Conn
	stmt func(*fakeStmt) driver.Stmt
}

var errFake = errors.New("as asked")

// ask is how a query ends.
func (f *fake) ask(ctx context.Context, query string, direct bool) error {
	switch {
	case f.bad:
		f.bad = false
		return driver.ErrBadConn
	case direct && strings.Contains(query, "skip"):
		return driver.ErrSkip
	case strings.Contains(query, "state_"):
		_, code, _ := strings.Cut(query, "state_")
		return fmt.Errorf("the driver: %w", stateError(code))
	case strings.Contains(query, "fail"):
		return errFake
	case strings.Contains(query, "panic"):
		panic("the driver")
	case strings.Contains(query, "hang"):
		<-ctx.Done()
		return errors.New("canceling statement due to user request")
	}
	return nil
}

func (f *fake) Prepare(query string) (driver.Stmt, error) {
	f.log.add("Prepare %s", query)
	return f.prepared(query)
}

func (f *fake) prepared(query string) (driver.Stmt, error) {
	if strings.Contains(query, "unpreparable") {
		return nil, errFake
	}
	s := &fakeStmt{f, query}
	if f.shape.stmt != nil {
		return f.shape.stmt(s), nil
	}
	return s, nil
}

func (f *fake) Close() error              { f.log.add("Close"); return nil }
func (f *fake) Begin() (driver.Tx, error) { f.log.add("Begin"); return fakeTx{f}, nil }

type fakeTx struct{ f *fake }

func (t fakeTx) Commit() error   { t.f.log.add("Commit"); return nil }
func (t fakeTx) Rollback() error { t.f.log.add("Rollback"); return nil }

type fakeStmt struct {
	f     *fake
	query string
}

func (s *fakeStmt) Close() error  { s.f.log.add("stmt.Close"); return nil }
func (s *fakeStmt) NumInput() int { return strings.Count(s.query, "?") }

func (s *fakeStmt) Exec(args []driver.Value) (driver.Result, error) {
	s.f.log.add("stmt.Exec %s %v", s.query, args)
	return driver.RowsAffected(1), s.f.ask(context.Background(), s.query, false)
}

func (s *fakeStmt) Query(args []driver.Value) (driver.Rows, error) {
	s.f.log.add("stmt.Query %s %v", s.query, args)
	return &fakeRows{}, s.f.ask(context.Background(), s.query, false)
}

type fakeRows struct{ n int }

func (*fakeRows) Columns() []string { return []string{"id"} }
func (*fakeRows) Close() error      { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if r.n++; r.n > 2 {
		return io.EOF
	}
	dest[0] = int64(r.n)
	return nil
}

// The optional interfaces, one type for each.
type (
	execer    struct{ f *fake } // legacy
	queryer   struct{ f *fake } // legacy
	execerCtx struct{ f *fake }
	queryCtx  struct{ f *fake }
	preparer  struct{ f *fake }
	beginner  struct{ f *fake }
	pinger    struct{ f *fake }
	resetter  struct{ f *fake }
	validator struct{ f *fake }
	checker   struct{ f *fake }

	stmtExec    struct{ s *fakeStmt }
	stmtQuery   struct{ s *fakeStmt }
	stmtChecker struct{ s *fakeStmt }
	converter   struct{ s *fakeStmt }
)

func (x execer) Exec(query string, args []driver.Value) (driver.Result, error) {
	x.f.log.add("Exec %s %v", query, args)
	return driver.RowsAffected(1), x.f.ask(context.Background(), query, true)
}

func (x queryer) Query(query string, args []driver.Value) (driver.Rows, error) {
	x.f.log.add("Query %s %v", query, args)
	return &fakeRows{}, x.f.ask(context.Background(), query, true)
}

func (x execerCtx) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	x.f.log.add("ExecContext %s %v", query, args)
	return driver.RowsAffected(1), x.f.ask(ctx, query, true)
}

func (x queryCtx) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	x.f.log.add("QueryContext %s %v", query, args)
	return &fakeRows{}, x.f.ask(ctx, query, true)
}

func (x preparer) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	x.f.log.add("PrepareContext %s", query)
	return x.f.prepared(query)
}

func (x beginner) BeginTx(_ context.Context, opts driver.TxOptions) (driver.Tx, error) {
	x.f.log.add("BeginTx %+v", opts)
	return fakeTx(x), nil
}

func (x pinger) Ping(ctx context.Context) error {
	x.f.log.add("Ping")
	return x.f.ask(ctx, "", false)
}

func (x resetter) ResetSession(context.Context) error { x.f.log.add("ResetSession"); return nil }
func (x validator) IsValid() bool                     { x.f.log.add("IsValid"); return true }

func (x checker) CheckNamedValue(v *driver.NamedValue) error     { return x.f.check("conn", v) }
func (x stmtChecker) CheckNamedValue(v *driver.NamedValue) error { return x.s.f.check("stmt", v) }

// money is a type of arguments that only checkers and converters know.
type money struct{ cents int64 }

func (f *fake) check(by string, v *driver.NamedValue) error {
	f.log.add("%s checks %v", by, v.Value)
	m, ok := v.Value.(money)
	if !ok {
		return driver.ErrSkip
	}
	v.Value = m.cents
	return nil
}

func (x converter) ColumnConverter(i int) driver.ValueConverter {
	x.s.f.log.add("converter of %d", i)
	return converting{}
}

type converting struct{}

func (converting) ConvertValue(v any) (driver.Value, error) {
	if m, ok := v.(money); ok {
		return m.cents, nil
	}
	return driver.DefaultParameterConverter.ConvertValue(v)
}

func (x stmtExec) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	x.s.f.log.add("stmt.ExecContext %s %v", x.s.query, args)
	return driver.RowsAffected(1), x.s.f.ask(ctx, x.s.query, false)
}

func (x stmtQuery) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	x.s.f.log.add("stmt.QueryContext %s %v", x.s.query, args)
	return &fakeRows{}, x.s.f.ask(ctx, x.s.query, false)
}

// connector makes fakes of a shape.
type connector struct {
	log    *log
	shape  shape
	closed bool
	down   bool
}

func (c *connector) Driver() driver.Driver { return nil }
func (c *connector) Close() error          { c.closed = true; return nil }

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	if c.down {
		return nil, errFake
	}
	c.log.mu.Lock()
	f := &fake{log: c.log, shape: c.shape, bad: c.log.stale > 0}
	c.log.stale = max(c.log.stale-1, 0)
	c.log.mu.Unlock()
	if c.shape.conn != nil {
		return c.shape.conn(f), nil
	}
	return f, nil
}

// stateError is an error of a database as pgx and lib/pq have it.
type stateError string

func (e stateError) Error() string { return "ERROR (SQLSTATE " + string(e) + ")" }

func (e stateError) SQLState() string {
	if e == "PANIC" {
		panic("no state")
	}
	return string(e)
}
