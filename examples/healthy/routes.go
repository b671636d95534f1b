package healthy

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

func (s *Service) routes() {
	s.task("GET /order/{id}", s.getOrder)
	s.task("POST /order/{id}", s.postOrder)
	s.task("GET /quote/{id}", s.getQuote)
	s.task("GET /thumbnail/{id}", s.getThumbnail)
	s.task("GET /session/{id}", s.getSession)
	s.task("GET /stock", s.getStock)
	s.task("GET /changes", s.getChanges)
	for pattern, h := range s.cfg.Routes {
		s.task(pattern, h)
	}
}

// getOrder fans out to the cache and the database.
func (s *Service) getOrder(w http.ResponseWriter, r *http.Request) error {
	var wg sync.WaitGroup
	var lines, hits int
	var err error
	wg.Go(func() { lines, err = s.lines(r.Context(), "SELECT n FROM lines") })
	wg.Go(func() {
		id := r.PathValue("id")
		if _, ok := s.cache.get(id); ok {
			hits++
		}
		s.cache.put(id, 1)
	})
	wg.Wait()
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(w, lines, hits)
	return nil
}

func (s *Service) lines(ctx context.Context, query string) (int, error) {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// postOrder writes in a transaction and leaves the confirmation, which takes up
// to two seconds, to a goroutine that it does not wait for.
func (s *Service) postOrder(w http.ResponseWriter, r *http.Request) error {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return err
	}
	tx, err := s.db.BeginTx(r.Context(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if _, err := tx.ExecContext(r.Context(), "INSERT INTO orders VALUES (?)", 1); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	select {
	case s.orders <- rand.IntN(1000):
	default:
	}
	s.background.Go(func() { confirm(rand.N(2 * time.Second)) })
	w.WriteHeader(http.StatusCreated)
	return nil
}

// confirm mails the customer.
func confirm(takes time.Duration) { time.Sleep(takes) }

// getQuote asks the partner for two prices at once. The connections are dialled
// here and kept for later requests.
func (s *Service) getQuote(w http.ResponseWriter, r *http.Request) error {
	group, ctx := errgroup.WithContext(r.Context())
	for range 2 {
		group.Go(func() error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.partner.url, nil)
			if err != nil {
				return err
			}
			resp, err := s.client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if s.cfg.Leak {
		s.oracle.Ask(r.Context())
	}
	_, _ = fmt.Fprintln(w, "quoted")
	return nil
}

// price is the partner.
func price(w http.ResponseWriter, r *http.Request) {
	if pause(r.Context(), 5*time.Millisecond+rand.N(40*time.Millisecond)) == nil {
		_, _ = fmt.Fprintln(w, 42)
	}
}

// getThumbnail has a worker of the pool render.
func (s *Service) getThumbnail(w http.ResponseWriter, r *http.Request) error {
	err := s.pool.Submit(r.Context(), func(ctx context.Context) error { return pause(ctx, rand.N(10*time.Millisecond)) })
	if err == nil {
		_, _ = fmt.Fprintln(w, "thumbnail")
	}
	return err
}

// getSession leaves two things to be done later: one when the request ends, one
// after a while.
func (s *Service) getSession(w http.ResponseWriter, r *http.Request) error {
	s.background.Add(2)
	context.AfterFunc(r.Context(), func() {
		defer s.background.Done()
		confirm(50 * time.Millisecond)
	})
	time.AfterFunc(time.Second, func() {
		defer s.background.Done()
		s.cache.put("session", 1)
	})
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	if err := pause(ctx, 10*time.Millisecond); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(w, "session")
	return nil
}

// getStock streams what is published for one to three seconds.
func (s *Service) getStock(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second+rand.N(2*time.Second))
	defer cancel()
	out := http.NewResponseController(w)
	for n := range s.broker.subscribe(ctx) {
		if _, err := fmt.Fprintln(w, n); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// getChanges is a long poll: it answers after half a minute to a minute, or
// when the service ends.
func (s *Service) getChanges(w http.ResponseWriter, r *http.Request) error {
	timer := time.NewTimer(30*time.Second + rand.N(30*time.Second))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.quit:
	case <-r.Context().Done():
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
