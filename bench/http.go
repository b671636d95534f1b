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
	"sync"
	"time"

	"github.com/hale-go/hale"
)

// handlerWork is how long the handler works.
const handlerWork = 100 * time.Microsecond

// httpContest is a handler that works for 100 µs, as a task of hale's and bare.
// Twice as many clients as processors keep the server busy, each on a connection
// of its own.
func httpContest(d time.Duration) contest {
	const name, base = "http", "net/http"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			rt, closer, err := newRuntime()
			if err != nil {
				return nil, err
			}
			work := working(handlerWork)
			bare, err := serve(base, work, d)
			if err != nil {
				closer()
				return nil, err
			}
			cared, err := serve("hale", underHale(rt, work), d)
			if err != nil {
				bare.close()
				closer()
				return nil, err
			}
			stop := cared.close
			cared.close = func() { stop(); closer() }
			return []contestant{cared, bare}, nil
		},
		rows: func(r results) []row {
			x, y := r.of("hale", value("rate")), r.of(base, value("rate"))
			return []row{
				{
					name: name + " throughput hale / " + base, values: x.over(y), unit: times, target: .99, sense: atLeast,
					note: fmt.Sprintf("medians %.0f/s / %.0f/s", x.median(), y.median()),
				},
				r.ratio(name+" p99", "hale", base, p99, 1.03),
				r.ratio(name+" p50", "hale", base, p50, 0),
			}
		},
	}
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

// serve starts a server of its own for a handler and returns the contestant that
// loads it for d.
func serve(name string, h http.Handler, d time.Duration) (contestant, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return contestant{}, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // its one error is that it was closed
	}()
	clients := 2 * runtime.GOMAXPROCS(0)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	url := "http://" + l.Addr().String() + "/quote"
	return contestant{
		name: name,
		measure: func() (reading, error) {
			if _, err := hammer(client, url, clients, d/8); err != nil { // after the collection
				return reading{}, err
			}
			return hammer(client, url, clients, d)
		},
		close: func() {
			client.CloseIdleConnections()
			_ = server.Close()
			<-ended
		},
	}, nil
}

// hammer sends one request after another, by several clients, for d.
func hammer(client *http.Client, url string, clients int, d time.Duration) (reading, error) {
	waits, errs := make([]series, clients), make([]error, clients)
	began := time.Now()
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for last := time.Now(); errs[i] == nil && last.Sub(began) < d; {
				errs[i] = get(client, url)
				now := time.Now()
				waits[i] = append(waits[i], float64(now.Sub(last)))
				last = now
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	var every series
	for _, w := range waits {
		every = append(every, w...)
	}
	return reading{
		p50: every.at(.5), p99: every.at(.99),
		values: map[string]float64{"rate": float64(len(every)) / took.Seconds()},
	}, errors.Join(errs...)
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
