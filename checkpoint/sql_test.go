//go:build unix

package checkpoint_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/internal/pgtest"
)

// connect opens a pool of that name and makes the table.
func connect(t *testing.T, server *pgtest.Server, name string) checkpoint.SQL {
	t.Helper()
	cfg, err := pgx.ParseConfig(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["application_name"] = name
	db := stdlib.OpenDB(*cfg)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s := checkpoint.SQL{DB: db}
	if err := s.CreateTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// One server for all tests of SQL: each has its own table, or its own keys.
func TestSQL(t *testing.T) {
	server := pgtest.Start(t)
	s := connect(t, server, "tests")
	for name, test := range map[string]func(*testing.T, *pgtest.Server, checkpoint.SQL){
		"contract": sqlContract, "tables": sqlTables, "contexts": sqlContexts, "failing": sqlFailing, "dead": sqlDead, "aside": sqlAside,
	} {
		t.Run(name, func(t *testing.T) { test(t, server, s) })
	}
}

func sqlContract(t *testing.T, server *pgtest.Server, s checkpoint.SQL) {
	other := connect(t, server, "other") // as another machine has it
	turn := 0
	haletest.Store(t, func() checkpoint.Store {
		turn++
		return []checkpoint.Store{s, other}[turn%2]
	})
}

func sqlTables(t *testing.T, server *pgtest.Server, s checkpoint.SQL) {
	named := checkpoint.SQL{DB: s.DB, Table: "public.Of_Orders"}
	_, err := checkpoint.Resume[progress](t.Context(), named, "k")
	if e, ok := errors.AsType[*checkpoint.Error](err); !ok || e.Hint() == "" || !strings.Contains(e.Where, "Of_Orders") {
		t.Errorf("without a table: %v", err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := named.CreateTable(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	c := resume(t, named, "k")
	save(t, c, 7)
	found(t, resume(t, named, "k"), 7)
	for _, bad := range []checkpoint.SQL{{}, {DB: s.DB, Table: "a; DROP TABLE b"}, {DB: s.DB, Table: "a.b.c"}, {DB: s.DB, Table: `"a"`}, {DB: s.DB, Table: strings.Repeat("a", 57)}} {
		_, err := checkpoint.Resume[progress](t.Context(), bad, "k")
		if e, ok := errors.AsType[*checkpoint.Error](err); !ok || e.Hint() == "" {
			t.Errorf("%q: %v", bad.Table, err)
		}
		if bad.CreateTable(t.Context()) == nil || bad.Schema() != "" && bad.DB != nil {
			t.Errorf("%q: a table that cannot be", bad.Table)
		}
		if err := bad.Save(t.Context(), "k", 1, 1, nil); err == nil || errors.Is(err, checkpoint.ErrFenced) {
			t.Errorf("%q: %v", bad.Table, err)
		}
		if _, err := bad.SetAside(t.Context(), "k", 1, 1); err == nil || errors.Is(err, checkpoint.ErrFenced) {
			t.Errorf("%q: %v", bad.Table, err)
		}
	}
}

// A save that another transaction keeps waiting ends with its context, and is not done.
func sqlContexts(t *testing.T, _ *pgtest.Server, s checkpoint.SQL) {
	c := resume(t, s, "waits")
	save(t, c, 1)
	tx, err := s.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "SELECT 1 FROM hale_checkpoints WHERE key = 'waits' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	refused(t, c.Save(ctx, progress{Done: 2}), context.DeadlineExceeded)
	_, err = checkpoint.Resume[progress](ctx, s, "waits")
	refused(t, err, context.DeadlineExceeded)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	save(t, c, 3)
	found(t, resume(t, s, "waits"), 3)
}

// Connections that die, idle and in a save, give errors at most, and the state is one that
// was saved.
func sqlDead(t *testing.T, server *pgtest.Server, alive checkpoint.SQL) {
	s := connect(t, server, "dead")
	c := resume(t, s, "dead")
	saved, tried := 0, 0
	stop := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
				if _, err := alive.DB.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dead'"); err != nil {
					t.Error(err)
				}
			}
		}
	})
	failed := 0
	for deadline := time.Now().Add(20 * time.Second); failed < 20 && time.Now().Before(deadline); {
		tried++
		err := c.Save(t.Context(), progress{Done: tried})
		switch {
		case err == nil:
			saved = tried
		case errors.Is(err, checkpoint.ErrFenced):
			t.Fatal(err)
		default:
			failed++
			var e *checkpoint.Error
			if !errors.As(err, &e) || e.Hint() == "" {
				t.Error(err)
			}
		}
	}
	close(stop)
	killer.Wait()
	for deadline := time.Now().Add(20 * time.Second); ; {
		again, err := checkpoint.Resume[progress](t.Context(), s, "dead")
		if err == nil {
			if n := again.State.Done; n < saved || n > tried || len(again.Aside) > 0 {
				t.Errorf("%d of %d after %d was acknowledged, aside %v", n, tried, saved, again.Aside)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	t.Logf("%d saves, %d of them failed", tried, failed)
	if failed == 0 {
		t.Error("no save failed")
	}
}

// What the server refuses is told as what it is.
func sqlFailing(t *testing.T, _ *pgtest.Server, s checkpoint.SQL) {
	c := resume(t, s, "failing")
	save(t, c, 1)
	conn, err := s.DB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec := func(statement string) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("ALTER TABLE hale_checkpoints RENAME TO elsewhere")
	err = c.Save(t.Context(), progress{Done: 2})
	exec("ALTER TABLE elsewhere RENAME TO hale_checkpoints")
	e, ok := errors.AsType[*checkpoint.Error](err)
	if !ok || errors.Is(err, checkpoint.ErrFenced) || !strings.Contains(e.Error(), "hale_checkpoints") {
		t.Error(err)
	}
	save(t, c, 3)
	found(t, resume(t, s, "failing"), 3)
}

func sqlAside(t *testing.T, _ *pgtest.Server, s checkpoint.SQL) {
	c := resume(t, s, "aside")
	save(t, c, 1)
	save(t, c, 2)
	if _, err := s.DB.Exec("UPDATE hale_checkpoints SET state = 'damaged' WHERE key = 'aside'"); err != nil {
		t.Fatal(err)
	}
	c = resume(t, s, "aside")
	found(t, c, 1)
	if len(c.Aside) != 1 || c.Aside[0].Where != "hale_checkpoints_aside, number 1" {
		t.Fatalf("%v", c.Aside)
	}
	var record string
	if err := s.DB.QueryRow("SELECT record FROM hale_checkpoints_aside WHERE key = 'aside' AND number = 1").Scan(&record); err != nil || record != "damaged" {
		t.Errorf("%q, %v", record, err)
	}
}

// A crash of the server loses nothing that was acknowledged. It is started without fsync, so
// what is tested is that it answers after it has committed; power is another matter.
func TestSQLServerKilled(t *testing.T) {
	server := pgtest.Start(t)
	s := connect(t, server, "tests")
	for range 3 {
		c := resume(t, s, "k")
		last := c.State.Done
		dead := make(chan struct{})
		var saver sync.WaitGroup
		var once sync.Once
		saving := make(chan struct{})
		saver.Go(func() {
			for {
				err := c.Save(t.Context(), progress{Done: last + 1})
				if err != nil {
					if errors.Is(err, checkpoint.ErrFenced) {
						t.Error(err)
					}
					return
				}
				last++
				once.Do(func() { close(saving) })
				select {
				case <-dead:
					t.Error("a save succeeded after the server was gone")
					return
				default:
				}
			}
		})
		<-saving
		server.Kill()
		saver.Wait()
		close(dead)
		_, err := checkpoint.Resume[progress](t.Context(), s, "k")
		if e, ok := errors.AsType[*checkpoint.Error](err); !ok || e.Hint() == "" {
			t.Errorf("without a server: %v", err)
		}
		if _, ok := errors.AsType[*net.OpError](err); !ok {
			t.Errorf("the driver's error is lost: %v", err)
		}
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		again := resume(t, s, "k")
		if n := again.State.Done; n < last || n > last+1 || len(again.Aside) > 0 {
			t.Errorf("%d after %d was acknowledged, aside %v", n, last, again.Aside)
		}
	}
}
