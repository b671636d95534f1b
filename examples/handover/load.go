package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// load asks a service for orders, each second as often, and notes what became of it. Every
// second request is a POST, which no client sends twice. Connections are kept.
type load struct {
	client *http.Client
	url    string

	mu   sync.Mutex
	took []answer // since the last call of cut
}

// answer is what became of a request.
type answer struct {
	at   time.Time // when it was sent
	took time.Duration
	err  error
}

const maxUnderWay = 4096

func newLoad(url string) *load {
	return &load{url: url, client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}}}
}

// run asks until ctx ends, and waits for all answers.
func (l *load) run(ctx context.Context, rate int) {
	defer l.client.CloseIdleConnections()
	var all sync.WaitGroup
	defer all.Wait()
	slots := make(chan struct{}, maxUnderWay)
	every := time.Second / time.Duration(rate)
	for next := time.Now(); ctx.Err() == nil; next = next.Add(every) {
		time.Sleep(time.Until(next))
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		post := next.UnixNano()/int64(every)%2 == 0
		all.Go(func() {
			defer func() { <-slots }()
			a := answer{at: time.Now()}
			a.err = l.ask(post)
			a.took = time.Since(a.at)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.took = append(l.took, a)
		})
	}
}

func (l *load) ask(post bool) error {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if post {
		method, body = http.MethodPost, strings.NewReader(`{"customer": 7}`)
	}
	return ask(l.client, method, l.url+"/orders", body)
}

func ask(client *http.Client, method, url string, body io.Reader) error {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// sums are what became of requests.
type sums struct {
	requests, failed, refused int
	p99                       time.Duration
	example                   error // of those that failed
}

// cut returns what became of the requests that were answered since the last call.
func (l *load) cut() (s sums) {
	l.mu.Lock()
	took := l.took
	l.took = nil
	l.mu.Unlock()
	times := make([]time.Duration, 0, len(took))
	for _, a := range took {
		s.requests++
		switch {
		case errors.Is(a.err, syscall.ECONNREFUSED):
			s.refused++
		case a.err != nil:
			s.failed++
		}
		if a.err != nil {
			s.example = a.err
		}
		times = append(times, a.took)
	}
	slices.Sort(times)
	if len(times) > 0 {
		s.p99 = times[len(times)*99/100]
	}
	return s
}
