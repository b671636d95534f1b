//go:build unix

package pools_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halesql"
	"github.com/hale-go/hale/internal/pgtest"
	"github.com/hale-go/hale/observe"
)

// A service that asks a real PostgreSQL by database/sql and pgx.
func TestSQL(t *testing.T) {
	rt, err := hale.New(hale.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	cfg, err := pgx.ParseConfig(pgtest.Start(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(halesql.Wrap(rt, stdlib.GetConnector(*cfg), halesql.Database("shop")))
	defer db.Close()
	defer halesql.Stats(rt, "shop", db)()

	await(t, func() error { return db.PingContext(t.Context()) })
	ctx, request := rt.Operation(observe.Server, "POST /orders", "").Start(t.Context())
	exec := func(query string, args ...any) error {
		_, err := db.ExecContext(ctx, query, args...)
		return err
	}
	if err := errors.Join(exec("CREATE TABLE orders (id int PRIMARY KEY, tags text[])"), exec("INSERT INTO orders VALUES ($1, $2)", 7, []string{"a", "b"})); err != nil {
		t.Fatal(err)
	}

	var id int
	if err := db.QueryRowContext(ctx, "SELECT id FROM orders WHERE id = $1", 8).Scan(&id); !errors.Is(err, sql.ErrNoRows) {
		t.Error(err)
	}
	rows, err := db.QueryContext(ctx, "SELECT id, tags FROM orders")
	if err != nil {
		t.Fatal(err)
	}
	types, err := rows.ColumnTypes()
	if err != nil || types[0].DatabaseTypeName() != "INT4" || types[0].ScanType().Kind().String() != "int32" {
		t.Errorf("%+v, %v: what the driver knows of columns is lost", types, err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	outcomes(t, rt, "shop.SELECT orders", observe.Outcome{Name: "ok", Count: 2})

	var violation *pgconn.PgError
	if err := exec("INSERT INTO orders VALUES (7)"); !errors.As(err, &violation) || violation.Code != "23505" {
		t.Errorf("%v is not the driver's", err)
	}
	outcomes(t, rt, "shop.INSERT orders", observe.Outcome{Name: "ok", Count: 1}, observe.Outcome{Name: "sqlstate 23505", Count: 1}) // the caller's fault
	if err := exec("DELETE FROM nowhere"); err == nil {
		t.Error("no error")
	}
	outcomes(t, rt, "shop.DELETE nowhere", observe.Outcome{Name: "sqlstate 42P01", Count: 1, Failed: true})

	for _, end := range []func(*sql.Tx) error{(*sql.Tx).Commit, (*sql.Tx).Rollback} {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE orders SET id = id + 1"); err != nil {
			t.Error(err)
		}
		if err := end(tx); err != nil {
			t.Error(err)
		}
	}
	if err := db.QueryRowContext(ctx, "SELECT id FROM orders").Scan(&id); err != nil || id != 8 {
		t.Errorf("%d, %v", id, err)
	}
	for _, name := range []string{"shop.COMMIT", "shop.ROLLBACK"} {
		outcomes(t, rt, name, observe.Outcome{Name: "ok", Count: 1})
	}

	gone, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := db.ExecContext(gone, "CALL pg_sleep(60)"); err == nil { // no procedure: it fails before
		t.Error("no error")
	}
	if _, err := db.ExecContext(gone, "SELECT * FROM pg_sleep(60)"); err == nil {
		t.Error("no error")
	}
	outcomes(t, rt, "shop.SELECT pg_sleep", observe.Outcome{Name: "timeout", Count: 1, Failed: true})
	request.Finish("200", false)

	killed(t, rt, db)
	for _, st := range rt.Operations() {
		if st.InFlight != 0 || st.Outlived != 0 {
			t.Errorf("%+v", st)
		}
	}
}

// killed kills connections, idle and at work, and demands that the pool is well after.
func killed(t *testing.T, rt *hale.Runtime, db *sql.DB) {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if err := c.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := c.Raw(func(dc any) error {
		if _, ok := halesql.Unwrap(dc).(*stdlib.Conn); !ok {
			t.Errorf("%T", dc)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	kill := func() {
		t.Helper()
		var done bool
		if err := db.QueryRowContext(t.Context(), "SELECT pg_terminate_backend($1)", pid).Scan(&done); err != nil || !done {
			t.Errorf("%t, %v", done, err)
		}
	}
	var working sync.WaitGroup
	working.Go(func() {
		if _, err := c.ExecContext(t.Context(), "SELECT 1 FROM pg_sleep(60) asleep"); err == nil {
			t.Error("a killed statement succeeded")
		}
	})
	await(t, func() error {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%asleep%'", pid).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return errors.New("the statement does not run")
		}
		return nil
	})
	kill()
	working.Wait()
	if err := c.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		t.Error(err)
	}
	for range 5 { // the pool has no dead one left, or tries another
		if err := db.PingContext(t.Context()); err != nil {
			t.Error(err)
		}
	}
	outcomes(t, rt, "shop.SELECT pg_sleep", observe.Outcome{Name: "sqlstate 57P01", Count: 1, Failed: true}, observe.Outcome{Name: "timeout", Count: 1, Failed: true})
}

// await repeats what may need a moment.
func await(t *testing.T, ready func() error) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := ready()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// outcomes checks how an operation ended so far.
func outcomes(t *testing.T, rt *hale.Runtime, name string, want ...observe.Outcome) {
	t.Helper()
	for _, st := range rt.Operations() {
		if st.Name == name {
			if !slices.Equal(st.Outcomes, want) {
				t.Errorf("%s: %+v, want %+v", name, st.Outcomes, want)
			}
			return
		}
	}
	t.Errorf("no %s", name)
}
