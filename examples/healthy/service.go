package healthy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/examples/healthy/leakylib"
)

// Config says how a [Service] is built. The zero value is healthy.
type Config struct {
	// Leak makes GET /quote/{id} leave a goroutine behind on every request.
	Leak bool
	// Routes are served besides the service's own, by pattern. A handler that
	// returns an error has written nothing.
	Routes map[string]func(http.ResponseWriter, *http.Request) error
}

// Service is a small shop on loopback: an HTTP/1.1 and an HTTP/2 server, a
// database, a cache, subscribers, workers, consumers, and a partner that it
// asks for prices over HTTP. Make one with [Start] and end it with
// [Service.Close].
type Service struct {
	rt  *hale.Runtime
	cfg Config
	mux *http.ServeMux

	plain, secure, partner endpoint

	roots   *x509.CertPool
	db      *sql.DB
	cache   *cache
	broker  *broker
	pool    *hale.Pool
	client  *http.Client // to the partner
	oracle  *leakylib.Client
	orders  chan int
	workers []*hale.Task

	quit       chan struct{} // closed first thing in Close
	background sync.WaitGroup
}

const (
	dbConnections = 80
	dbLatency     = 150 * time.Millisecond
)

// Start starts the service under rt, which stays the caller's.
func Start(ctx context.Context, rt *hale.Runtime, cfg Config) (*Service, error) {
	s := &Service{
		rt: rt, cfg: cfg, mux: http.NewServeMux(), db: sql.OpenDB(&connector{dbLatency}),
		cache: newCache(2 * time.Second), broker: newBroker(), orders: make(chan int, 256), quit: make(chan struct{}),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: 5 * time.Second}},
	}
	s.oracle = &leakylib.Client{Patience: time.Millisecond, Delay: 20 * time.Millisecond, Quit: s.quit}
	// Connections stay: the pool only ever grows, which is what a leak does too.
	s.db.SetMaxOpenConns(dbConnections)
	s.db.SetMaxIdleConns(dbConnections)
	s.routes()
	if err := s.serve(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	var err error
	if s.pool, err = rt.NewPool("thumbnails", hale.PoolConfig{Workers: 8, Budget: 5 * time.Second}); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.consume(ctx)
	return s, nil
}

// serve opens the three servers.
func (s *Service) serve() error {
	cert, roots, err := certificate()
	if err != nil {
		return err
	}
	s.roots = roots
	for _, e := range []struct {
		at   *endpoint
		h    http.Handler
		cert *tls.Certificate
	}{{&s.plain, s.mux, nil}, {&s.secure, s.mux, cert}, {&s.partner, http.HandlerFunc(price), nil}} {
		if *e.at, err = s.listen(e.h, e.cert); err != nil {
			return err
		}
	}
	return nil
}

// URL returns where the service speaks HTTP/1.1.
func (s *Service) URL() string { return s.plain.url }

// SecureURL returns where it speaks HTTP/2.
func (s *Service) SecureURL() string { return s.secure.url }

// Client returns a new client that trusts the service's certificate and keeps
// connections. Close its idle connections before the service.
func (s *Service) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS13}, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute,
	}}
}

// closeTimeout is for all that Close waits for.
const closeTimeout = 10 * time.Second

// Close answers the long polls, drains the servers and ends all that the service
// started.
func (s *Service) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	close(s.quit)
	var errs []error
	for _, e := range []endpoint{s.plain, s.secure, s.partner} {
		if e.server == nil {
			continue
		}
		if err := e.server.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", e.url, err), e.server.Close())
		}
		s.client.CloseIdleConnections() // the partner, which comes last, waits for them
	}
	for _, w := range s.workers {
		w.Cancel(nil)
	}
	for _, w := range s.workers {
		_ = w.Wait() // why it ended: because of the line above
	}
	if s.pool != nil {
		errs = append(errs, s.pool.Close(ctx))
	}
	s.background.Wait()
	s.cache.close()
	return errors.Join(append(errs, s.db.Close())...)
}
