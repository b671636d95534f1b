//go:build unix

package standby_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/hale-go/hale/internal/pgtest"
	"github.com/hale-go/hale/standby"
)

// pair is two servers, of which the second follows the first and confirms each of its commits.
func pair(t *testing.T) (primary, follower *pgtest.Server) {
	t.Helper()
	primary = pgtest.Start(t, "synchronous_standby_names=*", "synchronous_commit=on")
	return primary, pgtest.StartStandby(t, primary)
}

// postgres returns the side that is a server.
func postgres(t *testing.T, name string, s *pgtest.Server) standby.DBSide {
	t.Helper()
	cfg, err := pgx.ParseConfig(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	return standby.Postgres(name, stdlib.GetConnector(*cfg))
}

// open returns the application's pool.
func open(t *testing.T, primary, follower *pgtest.Server) (*sql.DB, *standby.Connector) {
	t.Helper()
	second := postgres(t, "b", follower)
	second.Promote = standby.PromotePostgres
	c, err := standby.NewConnector(standby.Config{
		SwitchBack: standby.Auto, Probation: time.Second,
		OnChange: func(c standby.Change) { t.Logf("%s to %s, %v", c.Reason, c.To, c.Err) },
	}, postgres(t, "a", primary), second)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return db, c
}

// eventually waits until f says that it is so.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// load inserts numbered rows as fast as it can and keeps those that were acknowledged.
type load struct {
	next atomic.Int64
	stop func()

	mu    sync.Mutex
	acked []int64
	since time.Time // acknowledged is the first that began after
	first time.Time
}

func start(t *testing.T, db *sql.DB) *load {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE rows (n bigint PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	l := &load{}
	ctx, cancel := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for ctx.Err() == nil {
				l.insert(ctx, db)
			}
		})
	}
	l.stop = sync.OnceFunc(func() { cancel(); writers.Wait() })
	t.Cleanup(l.stop)
	return l
}

func (l *load) insert(ctx context.Context, db *sql.DB) {
	n, begun := l.next.Add(1), time.Now()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, "INSERT INTO rows VALUES ($1)", n); err != nil {
		time.Sleep(2 * time.Millisecond)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked = append(l.acked, n)
	if l.first.IsZero() && !l.since.IsZero() && begun.After(l.since) {
		l.first = time.Now()
	}
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// fell returns how long after begun the first write was acknowledged that cannot have been by the server
// which has just fallen.
func (l *load) fell(t *testing.T, begun time.Time) time.Duration {
	t.Helper()
	l.mu.Lock()
	l.since = time.Now()
	before := len(l.acked)
	l.mu.Unlock()
	var first time.Time
	eventually(t, "a write on the standby", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		first = l.first
		return !first.IsZero()
	})
	at := l.count()
	eventually(t, "many more writes", func() bool { return l.count() > at+200 })
	t.Logf("%d writes were acknowledged before, the first one after %v", before, first.Sub(begun).Round(time.Millisecond))
	return first.Sub(begun)
}

// kept ends the load and checks that every row which was acknowledged is there.
func (l *load) kept(t *testing.T, db *sql.DB) {
	t.Helper()
	l.stop()
	rows, err := db.QueryContext(t.Context(), "SELECT n FROM rows")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[int64]bool{}
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		found[n] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, n := range l.acked {
		if !found[n] {
			lost++
		}
	}
	t.Logf("%d of %d acknowledged writes lost", lost, len(l.acked))
	if lost > 0 {
		t.Errorf("%d of %d acknowledged writes lost", lost, len(l.acked))
	}
}

// port returns where the pool leads to.
func port(t *testing.T, db *sql.DB) (out string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT host(inet_server_addr()) || ':' || inet_server_port()").Scan(&out); err != nil {
		t.Error(err)
	}
	return out
}

// The primary is killed under load, and comes back with data of its own.
func TestPostgresKilled(t *testing.T) {
	primary, follower := pair(t)
	db, c := open(t, primary, follower)
	l := start(t, db)
	eventually(t, "some writes", func() bool { return l.count() > 500 })
	tx, err := db.BeginTx(t.Context(), nil) // one that is under way
	if err == nil {
		_, err = tx.Exec("SELECT 1")
	}
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	primary.Kill()
	if took := l.fell(t, begun); took > 10*time.Second {
		t.Errorf("the first write after %v", took)
	}
	if _, err := tx.Exec("SELECT 1"); err == nil {
		t.Error("a transaction of the old side went on")
	}
	if err := tx.Rollback(); err == nil {
		t.Error("it ended well")
	}
	if err := primary.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old primary is seen", func() bool { return c.Status().Sides[0].State == standby.Up })
	eventually(t, "a probation's time", func() bool { return time.Since(c.Status().Sides[0].Passing) > 1500*time.Millisecond })
	if s := c.Status(); s.Active != "b" || !s.Sides[0].Stale || s.Sides[0].Epoch != 1 || s.Sides[1].Epoch != 2 || s.Switches != 1 {
		t.Errorf("%+v", s)
	}
	l.kept(t, db)
	if at := port(t, db); at != follower.Addr {
		t.Errorf("the pool leads to %s, want %s", at, follower.Addr)
	}
	again, _ := open(t, primary, follower) // as a process that is started again
	if at := port(t, again); at != follower.Addr {
		t.Errorf("a new pool leads to %s, want %s", at, follower.Addr)
	}
}

// The primary stops without a word, under load, and goes on later. Then the other one is
// killed, and comes back.
func TestPostgresHangs(t *testing.T) {
	primary, follower := pair(t)
	db, c := open(t, primary, follower)
	l := start(t, db)
	eventually(t, "some writes", func() bool { return l.count() > 500 })
	begun := time.Now()
	primary.Pause()
	if took := l.fell(t, begun); took > 15*time.Second {
		t.Errorf("the first write after %v", took)
	}
	primary.Resume()
	eventually(t, "the old primary is seen", func() bool { return c.Status().Sides[0].State == standby.Up })
	l.kept(t, db)
	if at := port(t, db); at != follower.Addr {
		t.Errorf("the pool leads to %s, want %s", at, follower.Addr)
	}

	follower.Kill()
	eventually(t, "nothing is left", func() bool { return errors.Is(db.PingContext(t.Context()), standby.ErrNone) })
	if s := c.Status(); s.Active != "b" || s.Serving {
		t.Errorf("%+v", s)
	}
	if err := follower.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it serves again", func() bool { return db.PingContext(t.Context()) == nil })
	if at := port(t, db); at != follower.Addr {
		t.Errorf("the pool leads to %s, want %s", at, follower.Addr)
	}
}
