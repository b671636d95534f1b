package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
)

// callCharge is the operation of charging a customer.
const callCharge = "payments.charge"

// payments is the shop's dependency: a server on a port of its own, so that
// calls to it are real ones, and the client that calls it.
type payments struct {
	server *http.Server
	client *http.Client
	url    string
	taken  atomic.Int64
	slow   *fault
}

func newPayments(rt *hale.Runtime, slow *fault) (*payments, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("payments: %w", err)
	}
	p := &payments{
		url:  "http://" + l.Addr().String() + "/charge",
		slow: slow,
		client: &http.Client{
			Timeout: 2 * time.Second,
			Transport: halehttp.Transport(rt, &http.Transport{MaxIdleConnsPerHost: 16},
				halehttp.Named(func(*http.Request) string { return callCharge })),
		},
	}
	p.server = &http.Server{Handler: http.HandlerFunc(p.take), ReadHeaderTimeout: time.Second}
	go func() { _ = p.server.Serve(l) }() // ends with close
	return p, nil
}

// How long the payments service takes with the fault on.
const slowCharge = 900 * time.Millisecond

func (p *payments) take(w http.ResponseWriter, r *http.Request) {
	if hit, _ := p.slow.strikes(); hit && rest(r.Context(), slowCharge) != nil {
		return // the caller has gone
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"payment": fmt.Sprintf("pay-%d", p.taken.Add(1))})
}

// charge takes the money for an order and returns the payment's number.
func (p *payments) charge(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, nil)
	if err != nil {
		return "", err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer struct{ Payment string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("payments: %s: %w", resp.Status, err)
	}
	return answer.Payment, nil
}

func (p *payments) close() {
	p.client.CloseIdleConnections()
	_ = p.server.Close() // nothing can be done about an error on the way out
}
