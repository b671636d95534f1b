package standby_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale/standby"
)

// fakeDB is a database whose driver has nothing but what a driver must have.
type fakeDB struct {
	name   string
	down   atomic.Bool
	dials  atomic.Int32
	open   atomic.Int32
	dial   func(context.Context) error // before
	closes func()                      // before
}

type fakeConn struct{ of *fakeDB }

type fakeStmt struct{ of *fakeDB }

type fakeRows struct {
	of   *fakeDB
	done bool
}

func (f *fakeDB) Driver() driver.Driver { return nil }

func (f *fakeDB) Connect(ctx context.Context) (driver.Conn, error) {
	f.dials.Add(1)
	if f.dial != nil {
		if err := f.dial(ctx); err != nil {
			return nil, err
		}
	}
	if f.down.Load() {
		return nil, errDown
	}
	f.open.Add(1)
	return &fakeConn{f}, nil
}

func (c *fakeConn) Prepare(string) (driver.Stmt, error) { return &fakeStmt{c.of}, nil }
func (c *fakeConn) Begin() (driver.Tx, error)           { return c, nil }
func (c *fakeConn) Commit() error                       { return nil }
func (c *fakeConn) Rollback() error                     { return nil }
func (c *fakeConn) Close() error {
	if c.of.closes != nil {
		c.of.closes()
	}
	c.of.open.Add(-1)
	return nil
}

func (s *fakeStmt) Close() error                               { return nil }
func (s *fakeStmt) NumInput() int                              { return -1 }
func (s *fakeStmt) Exec([]driver.Value) (driver.Result, error) { return driver.RowsAffected(1), nil }
func (s *fakeStmt) Query([]driver.Value) (driver.Rows, error)  { return &fakeRows{of: s.of}, nil }

func (r *fakeRows) Columns() []string { return []string{"name"} }
func (r *fakeRows) Close() error      { return nil }
func (r *fakeRows) Next(out []driver.Value) error {
	if r.done {
		return io.EOF
	}
	out[0], r.done = r.of.name, true
	return nil
}

// runDB runs test with a pool over two fakes.
func runDB(t *testing.T, test func(t *testing.T, db *sql.DB, c *standby.Connector, a, b *fakeDB, stop func() error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := &fakeDB{name: "a"}, &fakeDB{name: "b"}
		side := func(f *fakeDB) standby.DBSide {
			return standby.DBSide{Name: f.name, Connector: f, Check: func(context.Context, *sql.DB) error {
				if f.down.Load() {
					return errDown
				}
				return nil
			}}
		}
		c, err := standby.NewConnector(standby.Config{}, side(a), side(b))
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(c)
		db.SetMaxIdleConns(4)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		test(t, db, c, a, b, func() error { cancel(); return <-ended })
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		synctest.Wait()
		if a.open.Load() != 0 || b.open.Load() != 0 {
			t.Errorf("%d and %d connections are open", a.open.Load(), b.open.Load())
		}
	})
}

type asker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func name(t *testing.T, from asker) (out string) {
	t.Helper()
	if err := from.QueryRowContext(t.Context(), "name").Scan(&out); err != nil {
		t.Error(err)
	}
	return out
}

func TestConnector(t *testing.T) {
	runDB(t, func(t *testing.T, db *sql.DB, c *standby.Connector, a, b *fakeDB, stop func() error) {
		if got := name(t, db); got != "a" {
			t.Errorf("%q", got)
		}
		var held []*sql.Conn
		for range 4 {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, conn)
		}
		for _, conn := range held[1:] {
			_ = conn.Close() // idle
		}
		tx, err := held[0].BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := held[0].BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true}); err == nil {
			t.Error("a driver without read-only transactions began one")
		}
		if err := c.Switch(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			if got := name(t, db); got != "b" {
				t.Errorf("%q", got)
			}
		}
		synctest.Wait()
		if n := a.open.Load(); n > 2 { // database/sql tries two idle ones and then a new one
			t.Errorf("%d connections to the old side are open", n)
		}
		if got := name(t, tx); got != "a" { // it goes on as its side lets it
			t.Errorf("%q", got)
		}
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
		_ = held[0].Raw(func(v any) error {
			if conn, ok := standby.Raw(v).(*fakeConn); !ok || conn.of != a || standby.Raw(7) != 7 {
				t.Errorf("%T", v)
			}
			return nil
		})
		before := a.open.Load()
		_ = held[0].Close()
		synctest.Wait()
		if a.open.Load() != before-1 {
			t.Error("it went back to the pool")
		}
		a.down.Store(true)
		b.down.Store(true)
		time.Sleep(2 * time.Second)
		if err := db.PingContext(t.Context()); !errors.Is(err, standby.ErrNone) {
			t.Error(err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if err := c.Run(t.Context()); !errors.Is(err, standby.ErrRunning) {
			t.Error(err)
		}
	})
}

// Failures to connect hasten the check, and a dial to a side that hangs is given up at the switch.
func TestConnectorDials(t *testing.T) {
	runDB(t, func(t *testing.T, db *sql.DB, _ *standby.Connector, a, _ *fakeDB, _ func() error) {
		db.SetMaxIdleConns(-1)
		time.Sleep(10 * time.Second)
		a.dial = func(ctx context.Context) error {
			a.down.Store(true)
			<-ctx.Done()
			return ctx.Err()
		}
		begun := time.Now()
		if got := name(t, db); got != "b" || time.Since(begun) > 2*time.Second {
			t.Errorf("%q after %v", got, time.Since(begun))
		}
	})
	runDB(t, func(t *testing.T, db *sql.DB, c *standby.Connector, a, _ *fakeDB, _ func() error) {
		db.SetMaxIdleConns(-1)
		time.Sleep(10*time.Second + time.Millisecond)
		a.down.Store(true)
		begun := time.Now()
		for db.PingContext(t.Context()) != nil {
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(begun); took > 250*time.Millisecond || c.Status().Active != "b" {
			t.Errorf("%v", took)
		}
	})
}

// Connections to the old side whose Close hangs are in nobody's way.
func TestConnectorClosesAside(t *testing.T) {
	runDB(t, func(t *testing.T, db *sql.DB, c *standby.Connector, a, _ *fakeDB, stop func() error) {
		release := make(chan struct{})
		a.closes = func() { <-release }
		name(t, db)
		begun := time.Now()
		if err := c.Switch(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		if got := name(t, db); got != "b" || time.Since(begun) > 0 {
			t.Errorf("%q after %v", got, time.Since(begun))
		}
		begun = time.Now()
		if err := stop(); err == nil || time.Since(begun) > 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		close(release)
	})
}
