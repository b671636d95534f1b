package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/hale-go/hale"
)

// handlerWork is how long the handler works.
const handlerWork = 100 * time.Microsecond

// httpSlices is into how many slices for each side a round is cut. They take turns:
// what a neighbour takes of the processors comes and goes faster than rounds do.
const httpSlices = 16

// httpContest is a handler that works for 100 µs, as a task of hale's and bare.
// Twice as many clients as processors keep the server busy, each on a connection
// of its own. d is how long each side is loaded in a round.
func httpContest(d time.Duration) contest {
	const name, pair = "http", "hale and net/http"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			rt, closer, err := newRuntime()
			if err != nil {
				return nil, err
			}
			work := working(handlerWork)
			bare, err := serve(work)
			if err != nil {
				closer()
				return nil, err
			}
			cared, err := serve(underHale(rt, work))
			if err != nil {
				bare.close()
				closer()
				return nil, err
			}
			return []contestant{{
				name:    pair,
				measure: func() (reading, error) { return versus(cared, bare, d/httpSlices) },
				close:   func() { bare.close(); cared.close(); closer() },
			}}, nil
		},
		rows: func(r results) []row {
			against := func(what string, target float64, sense sense) row {
				x, y := r.of(pair, value("hale "+what)), r.of(pair, value("bare "+what))
				return row{
					name: name + " " + what + " hale / net/http", values: x.over(y), unit: times, target: target, sense: sense,
					note: fmt.Sprintf("medians %.4g / %.4g", x.median(), y.median()),
				}
			}
			return []row{against("requests/s", .99, atLeast), against("p99", 1.03, atMost), against("p50", 0, atMost)}
		},
	}
}

// versus loads both sides in turn, the one that begins as well, and adds up the
// slices of each.
func versus(hale, bare *site, slice time.Duration) (reading, error) {
	sides := []*site{hale, bare}
	var waits [2]series
	var took [2]time.Duration
	for i := range 2 * httpSlices {
		side := (i + i/2) % 2 // 0 1 1 0 0 1 1 0 …
		began := time.Now()
		w, err := sides[side].load(slice)
		if err != nil {
			return reading{}, err
		}
		took[side] += time.Since(began)
		waits[side] = append(waits[side], w...)
	}
	values := map[string]float64{}
	for i, name := range []string{"hale ", "bare "} {
		values[name+"requests/s"] = float64(len(waits[i])) / took[i].Seconds()
		values[name+"p50"], values[name+"p99"] = waits[i].at(.5), waits[i].at(.99)
	}
	return reading{values: values}, nil
}

// underHale is the middleware that README.md shows.
func underHale(rt *hale.Runtime, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := rt.Do(r.Context(), "GET /quote", func(ctx context.Context) error {
			h.ServeHTTP(w, r.WithContext(ctx))
			return nil
		}); err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
		}
	})
}

// working returns a handler that computes for about d, a number of steps that is
// the same for everybody.
func working(d time.Duration) http.Handler {
	steps := 0
	sum := sha256.Sum256(nil)
	for began := time.Now(); time.Since(began) < 100*d; steps++ {
		sum = sha256.Sum256(sum[:])
	}
	steps /= 100
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256(nil)
		for range steps {
			sum = sha256.Sum256(sum[:])
		}
		_, _ = w.Write(sum[:]) // the client counts what it misses
	})
}

// site is a server with its clients.
type site struct {
	client  *http.Client
	url     string
	clients int
	close   func()
}

// serve starts a server of its own for a handler.
func serve(h http.Handler) (*site, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // its one error is that it was closed
	}()
	clients := 2 * runtime.GOMAXPROCS(0)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	return &site{client: client, clients: clients, url: "http://" + l.Addr().String() + "/quote", close: func() {
		client.CloseIdleConnections()
		_ = server.Close()
		<-ended
	}}, nil
}

// load sends one request after another, by each client, for d, and returns how
// long they took in nanoseconds.
func (s *site) load(d time.Duration) (series, error) {
	waits, errs := make([]series, s.clients), make([]error, s.clients)
	began := time.Now()
	var all sync.WaitGroup
	for i := range s.clients {
		all.Go(func() {
			for last := time.Now(); errs[i] == nil && last.Sub(began) < d; {
				errs[i] = get(s.client, s.url)
				now := time.Now()
				waits[i] = append(waits[i], float64(now.Sub(last)))
				last = now
			}
		})
	}
	all.Wait()
	return slices.Concat(waits...), errors.Join(errs...)
}

func get(client *http.Client, url string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || len(b) != sha256.Size) {
		err = fmt.Errorf("%s with %d bytes", resp.Status, len(b))
	}
	return err
}
