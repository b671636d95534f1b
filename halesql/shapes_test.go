package halesql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halesql"
)

// shapes are drivers with some of the optional interfaces, as there are.
var shapes = map[string]shape{
	"bare": {},
	"modern": {
		conn: func(f *fake) driver.Conn {
			return struct {
				*fake
				execerCtx
				queryCtx
				preparer
				beginner
				pinger
				resetter
				validator
				checker
			}{f, execerCtx{f}, queryCtx{f}, preparer{f}, beginner{f}, pinger{f}, resetter{f}, validator{f}, checker{f}}
		},
		stmt: func(s *fakeStmt) driver.Stmt {
			return struct {
				*fakeStmt
				stmtExec
				stmtQuery
				stmtChecker
			}{s, stmtExec{s}, stmtQuery{s}, stmtChecker{s}}
		},
	},
	"legacy": {
		conn: func(f *fake) driver.Conn {
			return struct {
				*fake
				execer
				queryer
			}{f, execer{f}, queryer{f}}
		},
		stmt: func(s *fakeStmt) driver.Stmt {
			return struct {
				*fakeStmt
				converter
			}{s, converter{s}}
		},
	},
	"converter only": {stmt: func(s *fakeStmt) driver.Stmt {
		return struct {
			*fakeStmt
			converter
		}{s, converter{s}}
	}},
	"queries only": {
		conn: func(f *fake) driver.Conn {
			return struct {
				*fake
				queryCtx
				resetter
			}{f, queryCtx{f}, resetter{f}}
		},
		stmt: func(s *fakeStmt) driver.Stmt {
			return struct {
				*fakeStmt
				converter
				stmtChecker
			}{s, converter{s}, stmtChecker{s}}
		},
	},
	"executes only": {conn: func(f *fake) driver.Conn {
		return struct {
			*fake
			execerCtx
			validator
			checker
		}{f, execerCtx{f}, validator{f}, checker{f}}
	}},
	"resets and validates": {conn: func(f *fake) driver.Conn {
		return struct {
			*fake
			resetter
			validator
			pinger
		}{f, resetter{f}, validator{f}, pinger{f}}
	}},
	"validates only": {conn: func(f *fake) driver.Conn {
		return struct {
			*fake
			validator
			checker
		}{f, validator{f}, checker{f}}
	}},
	"resets only": {conn: func(f *fake) driver.Conn {
		return struct {
			*fake
			resetter
			beginner
		}{f, resetter{f}, beginner{f}}
	}},
	"all of four": {conn: func(f *fake) driver.Conn {
		return struct {
			*fake
			execer
			queryCtx
			resetter
			validator
		}{f, execer{f}, queryCtx{f}, resetter{f}, validator{f}}
	}},
}

// script does with a database whatever one can do, and returns how that ended.
func script(t *testing.T, db *sql.DB, l *log) string {
	var out strings.Builder
	step := func(name string, err error) {
		how := "well"
		if err != nil {
			how = "badly"
		}
		fmt.Fprintf(&out, "%s ended %s\n", name, how)
		l.add("-- %s ended %s", name, how)
	}
	exec := func(query string, args ...any) {
		_, err := db.ExecContext(t.Context(), query, args...)
		step(query, err)
	}
	query := func(query string, args ...any) {
		rows, err := db.QueryContext(t.Context(), query, args...)
		step(query, err)
		for n := 0; err == nil && rows.Next(); n++ {
			if err := rows.Scan(&n); err != nil {
				step("scan", err)
			}
			fmt.Fprintf(&out, "row %d\n", n)
		}
	}
	db.SetMaxOpenConns(1)
	step("ping", db.PingContext(t.Context()))
	for _, word := range []string{"run", "skip", "fail", "unpreparable"} {
		for _, arg := range []any{7, money{700}, sql.Named("id", 7), struct{}{}} {
			exec("UPDATE orders SET "+word+" = ?", arg)
			query("SELECT "+word+" FROM orders WHERE id = ?", arg)
		}
		exec("DELETE FROM orders "+word, 1, 2) // one too many
	}
	for _, arg := range []any{7, money{700}, sql.Named("id", 7)} {
		s, err := db.PrepareContext(t.Context(), "SELECT 1 FROM orders WHERE id = ?")
		step("prepare", err)
		_, err = s.ExecContext(t.Context(), arg)
		step("exec", err)
		rows, err := s.QueryContext(t.Context(), arg)
		step("query", err)
		if err == nil {
			step("close", rows.Close())
		}
		step("close", s.Close())
	}
	for _, opts := range []*sql.TxOptions{nil, {ReadOnly: true}, {Isolation: sql.LevelSerializable}} {
		tx, err := db.BeginTx(t.Context(), opts)
		step("begin", err)
		if err == nil {
			_, err = tx.ExecContext(t.Context(), "INSERT INTO orders VALUES (?)", 7)
			step("exec", err)
			step("commit", tx.Commit())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	tx, err := db.BeginTx(ctx, nil)
	step("begin", err)
	cancel()
	synctest.Wait() // it is rolled back by then
	step("commit", tx.Commit())
	exec("UPDATE orders SET run = ?", 8)
	l.mu.Lock()
	l.stale = 1
	l.mu.Unlock()
	db.SetMaxIdleConns(-1) // the next one is a new one
	db.SetMaxIdleConns(2)
	exec("UPDATE orders SET run = 9")
	step("close", db.Close())
	return out.String()
}

// A driver is called in the same order and with the same arguments as without hale,
// whatever it can do.
func TestShapes(t *testing.T) {
	for name, sh := range shapes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run := func(wrap func(driver.Connector) driver.Connector) (string, string) {
					l := &log{}
					inner := &connector{log: l, shape: sh}
					how := script(t, sql.OpenDB(wrap(inner)), l)
					if !inner.closed {
						t.Error("the connector is not closed")
					}
					return how, l.all()
				}
				rt := newRuntime(t)
				wantHow, wantLog := run(func(c driver.Connector) driver.Connector { return c })
				gotHow, gotLog := run(func(c driver.Connector) driver.Connector { return halesql.Wrap(rt, c) })
				if gotHow != wantHow {
					t.Errorf("it ended\n%s", diff(gotHow, wantHow))
				}
				if gotLog != wantLog {
					t.Errorf("the driver was called\n%s", diff(gotLog, wantLog))
				}
				for _, st := range rt.Operations() {
					if st.InFlight != 0 {
						t.Errorf("%s: %d in flight", st.Name, st.InFlight)
					}
				}
			})
		})
	}
}

// diff returns the first lines that differ.
func diff(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d: %s\n   want: %s\n  after: %s", i, g[i], w[i], strings.Join(w[max(0, i-3):i], " | "))
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// Without a runtime, there is nothing between database/sql and the driver.
func TestNoRuntime(t *testing.T) {
	c := &connector{log: &log{}}
	for _, rt := range []*hale.Runtime{nil, {}} {
		if halesql.Wrap(rt, c) != driver.Connector(c) {
			t.Error("wrapped")
		}
	}
}
