package healthy

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"math/rand/v2"
	"time"
)

// connector is a driver for database/sql over a database that only takes time.
// Each connection has a goroutine that watches for cancellation, as those of
// several real drivers have. database/sql dials inside the request that finds
// no idle connection, so the watcher bears that request's label for as long as
// the connection lives.
type connector struct {
	latency time.Duration // queries take half to one and a half of it
}

var (
	_ driver.QueryerContext = (*conn)(nil)
	_ driver.ExecerContext  = (*conn)(nil)
	_ driver.ConnBeginTx    = (*conn)(nil)
)

// Connect implements [driver.Connector].
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := pause(ctx, 2*time.Millisecond); err != nil {
		return nil, err
	}
	cn := &conn{
		latency: c.latency, watched: make(chan context.Context),
		finished: make(chan struct{}), quit: make(chan struct{}),
	}
	go cn.watch()
	return cn, nil
}

// Driver implements [driver.Connector].
func (c *connector) Driver() driver.Driver { return sqlDriver{} }

type sqlDriver struct{}

func (sqlDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("healthy: connections come from the connector")
}

// conn is one connection.
type conn struct {
	latency  time.Duration
	watched  chan context.Context // of the query that begins
	finished chan struct{}        // it has ended
	quit     chan struct{}
}

// watch waits for the cancellation of the query that runs. A real driver would
// then break the connection, so that its read returns.
func (c *conn) watch() {
	for {
		var ctx context.Context
		select {
		case ctx = <-c.watched:
		case <-c.quit:
			return
		}
		select {
		case <-ctx.Done():
			<-c.finished
		case <-c.finished:
		}
	}
}

// run is one round trip.
func (c *conn) run(ctx context.Context) error {
	c.watched <- ctx
	defer func() { c.finished <- struct{}{} }()
	return pause(ctx, c.latency/2+rand.N(c.latency))
}

// QueryContext implements [driver.QueryerContext].
func (c *conn) QueryContext(ctx context.Context, _ string, _ []driver.NamedValue) (driver.Rows, error) {
	if err := c.run(ctx); err != nil {
		return nil, err
	}
	return &rows{left: 3}, nil
}

// ExecContext implements [driver.ExecerContext].
func (c *conn) ExecContext(ctx context.Context, _ string, _ []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), c.run(ctx)
}

// BeginTx implements [driver.ConnBeginTx].
func (c *conn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return tx{}, nil }

// Begin implements [driver.Conn].
func (c *conn) Begin() (driver.Tx, error) { return tx{}, nil }

// Prepare implements [driver.Conn]. Nothing here is prepared.
func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }

// Close implements [driver.Conn].
func (c *conn) Close() error {
	close(c.quit)
	return nil
}

type tx struct{}

func (tx) Commit() error   { return nil }
func (tx) Rollback() error { return nil }

// rows yields a few numbers.
type rows struct{ left int }

func (r *rows) Columns() []string { return []string{"n"} }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(dest []driver.Value) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	dest[0] = int64(r.left)
	return nil
}

// pause waits, or returns the cause of ctx when that is done first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
