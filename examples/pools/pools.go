//go:build unix

package pools

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"
)

// Pools are the clients. Make them with [Open] and end them with [Pools.Close].
// All but one of their connections are dialled inside requests, and the pool of
// PostgreSQL, which has a goroutine that looks after it, is made in the first.
type Pools struct {
	config  *pgxpool.Config
	redis   *redis.Client
	natsURL string

	mu      sync.Mutex
	pgx     *pgxpool.Pool
	conns   [natsConns]*nats.Conn // dialled by the requests that need them first
	replies *nats.Conn
	next    atomic.Uint64
}

const (
	postgresConns = 40
	redisConns    = 40
	natsConns     = 12
)

// Open makes the clients, that of PostgreSQL for the URL, and the table that the requests use.
func Open(ctx context.Context, url string, redisServer, natsServer *Server) (*Pools, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	if err := createTable(ctx, url); err != nil {
		return nil, err
	}
	cfg.MaxConns, cfg.MaxConnIdleTime, cfg.HealthCheckPeriod = postgresConns, 5*time.Second, time.Second
	p := &Pools{config: cfg, natsURL: "nats://" + natsServer.Addr}
	if p.replies, err = nats.Connect(p.natsURL); err != nil {
		return nil, err
	}
	// An answer that is lost makes the request time out, which the test sees.
	if _, err = p.replies.Subscribe("price", func(m *nats.Msg) { _ = m.Respond([]byte("42")) }); err != nil {
		p.replies.Close()
		return nil, err
	}
	p.redis = redis.NewClient(&redis.Options{Addr: redisServer.Addr, PoolSize: redisConns, ConnMaxIdleTime: 5 * time.Second})
	return p, nil
}

// createTable makes the table on a connection of its own.
func createTable(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE TABLE visits (n bigint)")
	return errors.Join(err, conn.Close(ctx))
}

// postgres returns the pool. Whoever needs it first makes it.
func (p *Pools) postgres(ctx context.Context) (*pgxpool.Pool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pgx != nil {
		return p.pgx, nil
	}
	var err error
	p.pgx, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), p.config)
	return p.pgx, err
}

// Dialled returns how many connections the clients have made so far, by server.
func (p *Pools) Dialled() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]int{"redis": int(p.redis.PoolStats().Misses)}
	if p.pgx != nil {
		out["postgres"] = int(p.pgx.Stat().NewConnsCount())
	}
	for _, c := range p.conns {
		if c != nil {
			out["nats"]++
		}
	}
	return out
}

// Close closes the clients.
func (p *Pools) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range append(p.conns[:], p.replies) {
		if c != nil {
			c.Close()
		}
	}
	if p.pgx != nil {
		p.pgx.Close()
	}
	return p.redis.Close()
}

// Routes returns the handlers that use the clients.
func (p *Pools) Routes() map[string]func(http.ResponseWriter, *http.Request) error {
	return map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /visits":  p.visits,
		"GET /counter": p.counter,
		"GET /price":   p.price,
		"GET /news":    p.news,
	}
}

// Paths returns what to ask for.
func (p *Pools) Paths() []string { return []string{"/visits", "/counter", "/price", "/news"} }

// visits writes and reads in a transaction that takes some time.
func (p *Pools) visits(w http.ResponseWriter, r *http.Request) error {
	pool, err := p.postgres(r.Context())
	if err != nil {
		return err
	}
	tx, err := pool.Begin(r.Context())
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(r.Context())) }() // does nothing after Commit
	if _, err := tx.Exec(r.Context(), "INSERT INTO visits VALUES ($1)", time.Now().UnixNano()); err != nil {
		return err
	}
	var n int
	if err := tx.QueryRow(r.Context(), "SELECT count(*) FROM (SELECT 1 FROM visits LIMIT 50) v, pg_sleep(0.4)").Scan(&n); err != nil {
		return err
	}
	if err := tx.Commit(r.Context()); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(w, n)
	return nil
}

// counter counts in a pipeline, and keeps a connection from others for a moment.
func (p *Pools) counter(w http.ResponseWriter, r *http.Request) error {
	pipe := p.redis.Pipeline()
	n := pipe.Incr(r.Context(), "visits")
	pipe.Expire(r.Context(), "visits", time.Minute)
	if _, err := pipe.Exec(r.Context()); err != nil {
		return err
	}
	conn := p.redis.Conn()
	defer conn.Close()
	for range 3 {
		if err := conn.Ping(r.Context()).Err(); err != nil {
			return err
		}
		time.Sleep(30 * time.Millisecond)
	}
	_, _ = fmt.Fprintln(w, n.Val())
	return nil
}

// conn returns one of the NATS connections. Whoever needs it first dials it.
func (p *Pools) conn() (*nats.Conn, error) {
	// A connection more for each 80 requests, as a pool has that grows.
	n := p.next.Add(1)
	i := n % min(natsConns, 1+n/80)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns[i] == nil {
		c, err := nats.Connect(p.natsURL)
		if err != nil {
			return nil, err
		}
		p.conns[i] = c
	}
	return p.conns[i], nil
}

// price asks another service over NATS.
func (p *Pools) price(w http.ResponseWriter, r *http.Request) error {
	c, err := p.conn()
	if err != nil {
		return err
	}
	m, err := c.RequestWithContext(r.Context(), "price", nil)
	if err != nil {
		return err
	}
	_, _ = w.Write(append(m.Data, '\n'))
	return nil
}

// news subscribes for the length of a request.
func (p *Pools) news(w http.ResponseWriter, r *http.Request) error {
	c, err := p.conn()
	if err != nil {
		return err
	}
	got := make(chan []byte, 16)
	inbox := nats.NewInbox()
	sub, err := c.Subscribe(inbox, func(m *nats.Msg) { got <- m.Data })
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection's end does it too
	for range 3 {
		if err := c.PublishRequest("price", inbox, nil); err != nil {
			return err
		}
		select {
		case line := <-got:
			_, _ = fmt.Fprintf(w, "%s\n", line)
		case <-r.Context().Done():
			return context.Cause(r.Context())
		}
	}
	return nil
}
