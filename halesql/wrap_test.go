package halesql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halesql"
	"github.com/hale-go/hale/observe"
)

// open returns a database of a shape under rt's care.
func open(t testing.TB, rt *hale.Runtime, sh string, opts ...halesql.Option) (*sql.DB, *log) {
	t.Helper()
	l := &log{}
	db := sql.OpenDB(halesql.Wrap(rt, &connector{log: l, shape: shapes[sh]}, opts...))
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, l
}

var ok = observe.Outcome{Name: "ok", Count: 1}

// Everything that is asked of a database is an operation that the request called.
func TestOperations(t *testing.T) {
	rt := newRuntime(t)
	db, _ := open(t, rt, "modern", halesql.Database("shop"))
	ctx, request := rt.Operation(observe.Server, "POST /orders", "").Start(t.Context())
	if err := db.PingContext(ctx); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?)", 7); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if tx, err = db.BeginTx(ctx, nil); err != nil {
		t.Fatal(err)
	}
	var id int
	if err := tx.QueryRowContext(ctx, "SELECT id FROM orders WHERE id = ?", 7).Scan(&id); err != nil {
		t.Fatal(err)
	}
	s, err := tx.PrepareContext(ctx, "DELETE FROM orders WHERE id = ?")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.ExecContext(ctx, 7); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	request.Finish("200", false)
	want := map[string]uint64{
		"shop.CONNECT": 1, "shop.PING": 1, "shop.BEGIN": 2, "shop.INSERT orders": 1, "shop.COMMIT": 1,
		"shop.SELECT orders": 1, "shop.PREPARE": 1, "shop.DELETE orders": 2, "shop.ROLLBACK": 1,
	}
	for name, n := range want {
		if st := stat(rt, name); st.Ended != n || st.Failed != 0 || st.Kind != observe.Client || st.Domain != "shop" {
			t.Errorf("%s: %+v", name, st)
		}
	}
	if calls := stat(rt, "POST /orders").Calls; len(calls) != len(want) {
		t.Errorf("the request called %+v", calls)
	}
}

// How a statement ends, for drivers that can be cancelled and for those that prepare
// first, which is one span.
func TestOutcomes(t *testing.T) {
	for _, word := range []string{"", "skip "} {
		synctest.Test(t, func(t *testing.T) { outcomesOf(t, word) })
	}
}

func outcomesOf(t *testing.T, word string) {
	t.Helper()
	rt := newRuntime(t)
	db, _ := open(t, rt, "modern")
	exec := func(ctx context.Context, table, how string) error {
		_, err := db.ExecContext(ctx, "UPDATE "+table+" SET "+word+how+" = ?", 7)
		return err
	}
	if err := exec(t.Context(), "good", ""); err != nil {
		t.Error(err)
	}
	if err := exec(t.Context(), "failing", "fail"); err != errFake {
		t.Errorf("%v is not the driver's", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := exec(gone, "cancelled", "hang"); err == nil {
		t.Error("no error")
	}
	late, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	if err := exec(late, "late", "hang"); err == nil {
		t.Error("no error")
	}
	cancel()
	spent, stop := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { stop(hale.ErrBudget) })
	if err := exec(spent, "spent", "hang"); err == nil {
		t.Error("no error")
	}
	wants(t, rt, "sql.UPDATE good", ok)
	wants(t, rt, "sql.UPDATE failing", observe.Outcome{Name: "error", Count: 1, Failed: true})
	wants(t, rt, "sql.UPDATE cancelled", observe.Outcome{Name: "canceled", Count: 1})
	wants(t, rt, "sql.UPDATE late", observe.Outcome{Name: "timeout", Count: 1, Failed: true})
	wants(t, rt, "sql.UPDATE spent", observe.Outcome{Name: "timeout", Count: 1, Failed: true})
	if st := stat(rt, "sql.PREPARE"); st.Ended != 0 {
		t.Errorf("what was prepared for a statement is counted apart: %+v", st)
	}
}

// A statement that was to be prepared first and then was not sent.
func TestSkippedAndNotSent(t *testing.T) {
	rt := newRuntime(t)
	db, _ := open(t, rt, "modern")
	if _, err := db.ExecContext(t.Context(), "UPDATE orders SET skip = ?", 1, 2); err == nil {
		t.Error("one argument too many is none")
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE users SET skip unpreparable = ?", 1); !errors.Is(err, errFake) {
		t.Error(err)
	}
	wants(t, rt, "sql.UPDATE orders", observe.Outcome{Name: "not sent", Count: 1})
	wants(t, rt, "sql.UPDATE users", observe.Outcome{Name: "error", Count: 1, Failed: true})

	c, err := halesql.Wrap(rt, &connector{log: &log{}, shape: shapes["modern"]}, halesql.Database("raw")).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // which is what two goroutines in one transaction may come to
		if _, err := c.(driver.ExecerContext).ExecContext(t.Context(), "UPDATE skip", nil); err != driver.ErrSkip {
			t.Error(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	wants(t, rt, "raw.UPDATE skip", observe.Outcome{Name: "not sent", Count: 2})
}

// A connection that went stale is tried again on another, and nothing failed. A
// database that is gone fails.
func TestBadConnections(t *testing.T) {
	rt := newRuntime(t)
	l := &log{stale: 1}
	inner := &connector{log: l, shape: shapes["modern"]}
	db := sql.OpenDB(halesql.Wrap(rt, inner))
	if _, err := db.ExecContext(t.Context(), "UPDATE orders"); err != nil {
		t.Error(err)
	}
	wants(t, rt, "sql.UPDATE orders", observe.Outcome{Name: "bad connection", Count: 1}, ok)
	if err := db.Close(); err != nil || !inner.closed {
		t.Errorf("%v, closed %t", err, inner.closed)
	}
	down := sql.OpenDB(halesql.Wrap(rt, &connector{down: true}, halesql.Database("down")))
	defer down.Close()
	if err := down.PingContext(t.Context()); err != errFake {
		t.Error(err)
	}
	wants(t, rt, "down.CONNECT", observe.Outcome{Name: "error", Count: 1, Failed: true})
}

// A driver that panics ends the span, and the panic goes on.
func TestPanic(t *testing.T) {
	for sh, query := range map[string]string{"modern": "UPDATE orders SET panic", "bare": "UPDATE orders SET panic", "legacy": "UPDATE orders SET skip panic"} {
		rt := newRuntime(t)
		db, _ := open(t, rt, sh)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the panic is gone", sh)
				}
			}()
			_, _ = db.ExecContext(t.Context(), query)
		}()
		wants(t, rt, "sql.UPDATE orders", observe.Outcome{Name: "panic", Count: 1, Failed: true})
	}
}

// A transaction that is cancelled is rolled back by database/sql, which belongs to no
// request any more.
func TestCancelledTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		db, _ := open(t, rt, "modern")
		ctx, cancel := context.WithCancel(t.Context())
		ctx, request := rt.Operation(observe.Server, "POST /orders", "").Start(ctx)
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Finish("canceled", false)
		cancel()
		synctest.Wait()
		if err := tx.Commit(); err == nil {
			t.Error("committed")
		}
		wants(t, rt, "sql.ROLLBACK", ok)
		if st := stat(rt, "sql.ROLLBACK"); st.Outlived != 0 {
			t.Errorf("%+v", st)
		}
		db.Close() // within the bubble
	})
}

// A service may name its statements.
func TestName(t *testing.T) {
	rt := newRuntime(t)
	db, _ := open(t, rt, "modern", halesql.Name(func(query string) string {
		switch query {
		case "SELECT 1 FROM a":
			return "by name"
		case "SELECT 1 FROM b":
			return ""
		}
		panic(query)
	}))
	for _, table := range []string{"a", "b", "c"} {
		if _, err := db.ExecContext(t.Context(), "SELECT 1 FROM "+table); err != nil {
			t.Error(err)
		}
	}
	wants(t, rt, "sql.by name", ok)
	wants(t, rt, "sql.SELECT b", ok)
	wants(t, rt, "sql.SELECT c", ok)
}

// However many tables there are, names are few.
func TestFlood(t *testing.T) {
	for name, opts := range map[string][]halesql.Option{
		"sql.SELECT": nil, "sql.other": {halesql.Name(func(query string) string { return query })},
	} {
		rt := newRuntime(t)
		db, _ := open(t, rt, "modern", opts...)
		const flood = 1000
		for i := range flood {
			if _, err := db.ExecContext(t.Context(), fmt.Sprintf("SELECT 1 FROM orders_%d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(rt.Operations()); n != 256+1+6 {
			t.Errorf("%d operations", n)
		}
		wants(t, rt, name, observe.Outcome{Name: "ok", Count: flood - 256})
	}
}

// Names are found by many at once.
func TestConcurrentNames(t *testing.T) {
	rt := newRuntime(t)
	db, _ := open(t, rt, "modern")
	db.SetMaxOpenConns(0)
	var wg sync.WaitGroup
	const each = 200
	for w := range 4 {
		wg.Go(func() {
			for i := range each {
				if _, err := db.ExecContext(t.Context(), fmt.Sprintf("UPDATE orders SET a = %d", (i+w)%100)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	wants(t, rt, "sql.UPDATE orders", observe.Outcome{Name: "ok", Count: 4 * each})
}

// Raw gives out a connection of the package's, and Unwrap the driver's.
func TestUnwrap(t *testing.T) {
	db, _ := open(t, newRuntime(t), "bare")
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Raw(func(dc any) error {
		if _, ok := halesql.Unwrap(dc).(*fake); !ok {
			t.Errorf("%T", dc)
		}
		if halesql.Unwrap(7) != 7 {
			t.Error("not as it is")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// The loop sees how a pool is used.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		db, _ := open(t, rt, "modern")
		stop := halesql.Stats(rt, "shop", db)
		read := func() map[string]float64 {
			if err := rt.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
			out := map[string]float64{}
			for _, r := range rt.Status().Sample.Readings {
				out[r.Name] = r.Value
			}
			return out
		}
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // who wait in vain
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if err := db.PingContext(ctx); err == nil {
				t.Error("more than one connection")
			}
			cancel()
		}
		time.Sleep(time.Second - 3*time.Millisecond)
		if got := read(); got["shop.in_use"] != 1 || got["shop.idle"] != 0 || got["shop.waits"] != 3 {
			t.Errorf("%v", got)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if got := read(); got["shop.in_use"] != 0 || got["shop.idle"] != 1 || got["shop.waits"] != 0 {
			t.Errorf("%v", got)
		}
		stop()
		time.Sleep(time.Second)
		if got := read(); len(got) != 0 {
			t.Errorf("%v", got)
		}
		halesql.Stats(nil, "shop", db)()
		halesql.Stats(rt, "shop", nil)()
		db.Close() // within the bubble
	})
}
