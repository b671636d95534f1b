package standby

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// DBSide is one of two databases. Its functions get a pool of at most two connections of
// their own, which is apart from those of the application.
type DBSide struct {
	// Name is what people call it; it must be given, and differ from the other's.
	Name string
	// Connector makes its connections; it must be given.
	Connector driver.Connector
	// Check, Promote and Epoch are those of [Side]. Default of Check: a ping, which cannot
	// tell whether the side may be written to; see [Postgres].
	Check   func(ctx context.Context, db *sql.DB) error
	Promote func(ctx context.Context, db *sql.DB) error
	Epoch   func(ctx context.Context, db *sql.DB) (uint64, error)
}

// Connector connects to the active one of two databases. Give it to [sql.OpenDB] once, and
// call Run beside: the pool's new connections go to the active side. One to the other side is
// closed when it comes back to the pool or is to be taken from it, so that a transaction under way there ends
// as its own side lets it. A statement that is under way on a side that hangs waits as long
// as its context: give each one a deadline.
type Connector struct {
	sw         *Switch[*sql.DB]
	connectors [2]driver.Connector
	closing    chan struct{} // a place for each connection that is closed aside
}

// NewConnector returns a connector of two databases, of which the primary is used first.
// The error is a [*ConfigError].
func NewConnector(cfg Config, primary, standby DBSide) (*Connector, error) {
	c := &Connector{connectors: [2]driver.Connector{primary.Connector, standby.Connector}, closing: make(chan struct{}, 64)}
	for i, which := range []string{"primary", "standby"} {
		if c.connectors[i] == nil {
			return nil, &ConfigError{which + ".Connector", "nil", "give what the driver makes connections with"}
		}
	}
	var err error
	if c.sw, err = New(cfg, primary.side(), standby.side()); err != nil {
		return nil, err
	}
	return c, nil
}

func (s DBSide) side() Side[*sql.DB] {
	out := Side[*sql.DB]{
		Name: s.Name, Check: s.Check, Promote: s.Promote, Epoch: s.Epoch, Close: (*sql.DB).Close,
		Open: func(context.Context) (*sql.DB, error) {
			db := sql.OpenDB(s.Connector)
			db.SetMaxOpenConns(2) // one may hang
			return db, nil
		},
	}
	if out.Check == nil {
		out.Check = func(ctx context.Context, db *sql.DB) error { return db.PingContext(ctx) }
	}
	return out
}

// Run is [Switch.Run]. At its end it also waits for connections that are being closed, as
// long as [Config.Timeout].
func (c *Connector) Run(ctx context.Context) error {
	err := c.sw.Run(ctx)
	if errors.Is(err, ErrRunning) {
		return err
	}
	timer := time.NewTimer(c.sw.cfg.Timeout)
	defer timer.Stop()
	for range cap(c.closing) { // all places are taken then: what comes later is closed where it comes
		select {
		case c.closing <- struct{}{}:
		case <-timer.C:
			return errors.Join(err, errClosing)
		}
	}
	return err
}

var errClosing = errors.New("standby: connections to a side that hangs are still being closed")

// Status is [Switch.Status].
func (c *Connector) Status() Status { return c.sw.Status() }

// Switch is [Switch.Switch].
func (c *Connector) Switch(ctx context.Context, name string) error { return c.sw.Switch(ctx, name) }

// Report is [Switch.Report]. Failures to connect are reported as they are.
func (c *Connector) Report(err error) { c.sw.Report(err) }

// errLeft ends the attempt to connect to a side that is no longer the active one.
var errLeft = errors.New("standby: the side is no longer active")

// Connect connects to the active side; database/sql calls it. It gives up a side that is
// left meanwhile. The error matches [ErrNone] while no side can be used.
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	for {
		v, err := c.sw.current(ctx)
		if err != nil {
			return nil, err
		}
		dial, cancel := context.WithCancelCause(ctx)
		stop := context.AfterFunc(v.until, func() { cancel(errLeft) })
		inner, err := c.connectors[v.at].Connect(dial)
		stop()
		cancel(nil)
		left := v.until.Err() != nil
		switch {
		case err == nil && !left:
			return &conn{inner: inner, of: c, at: v.at}, nil
		case err == nil:
			c.bury(inner)
		case !left:
			c.sw.Report(err)
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// Driver returns the primary's driver.
func (c *Connector) Driver() driver.Driver { return c.connectors[0].Driver() }

// usable says whether callers are to use a side.
func (c *Connector) usable(at int) bool {
	v := c.sw.view.Load()
	return v.at == at && v.err == nil
}

// bury closes a connection to a side that may hang, so that nobody has to wait for it. Its
// goroutine ends with the driver's Close, which drivers bound (pgx by 5 s); 64 at a time.
func (c *Connector) bury(inner driver.Conn) {
	select {
	case c.closing <- struct{}{}:
	default:
		_ = inner.Close() // nobody is to know that it failed
		return
	}
	go func() {
		defer func() { <-c.closing }()
		defer func() { _ = recover() }() // a driver's panic, for a connection that nobody has any more
		_ = inner.Close()
	}()
}

// Postgres returns a side that is a PostgreSQL server. It may be used when it is not
// in recovery, and its epoch is its timeline, which each promotion raises. To have it promoted when the
// other is down, set Promote to [PromotePostgres].
func Postgres(name string, c driver.Connector) DBSide {
	return DBSide{Name: name, Connector: c, Check: checkPostgres, Epoch: timeline}
}

// PromotePostgres makes a primary of a PostgreSQL standby and waits until it is one. The
// user needs the right to execute pg_promote (GRANT EXECUTE ON FUNCTION pg_promote). It does not ask how far the
// standby is behind. It is a [DBSide.Promote].
func PromotePostgres(ctx context.Context, db *sql.DB) error {
	var done bool
	switch err := db.QueryRowContext(ctx, "SELECT pg_promote()").Scan(&done); {
	case err != nil:
		return err
	case !done:
		return errors.New("pg_promote gave up waiting")
	}
	return nil
}

func checkPostgres(ctx context.Context, db *sql.DB) error {
	var following bool
	if err := db.QueryRowContext(ctx, "SELECT pg_is_in_recovery()").Scan(&following); err != nil {
		return err
	}
	if following {
		return fmt.Errorf("%w: it is in recovery", ErrReadOnly)
	}
	return nil
}

func timeline(ctx context.Context, db *sql.DB) (uint64, error) {
	var n int64
	err := db.QueryRowContext(ctx, "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint").Scan(&n)
	return uint64(n), err
}
