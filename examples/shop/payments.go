package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
)

// callCharge is the operation of charging a customer, in the domain "payments".
const callCharge = "payments.charge"

// chargedLater is the payment of an order that is charged when payments answers again.
const chargedLater = "later"

// payments is the shop's dependency: a server on a port of its own, so that
// calls to it are real ones, and the client that calls it.
type payments struct {
	server     *http.Server
	client     *http.Client
	url        string
	slow, down *fault
}

func newPayments(rt *hale.Runtime, slow, down *fault) (*payments, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("payments: %w", err)
	}
	p := &payments{
		url:  "http://" + l.Addr().String() + "/charge",
		slow: slow, down: down,
		client: &http.Client{Transport: halehttp.Transport(rt, &http.Transport{MaxIdleConnsPerHost: 16},
			halehttp.Named(func(*http.Request) string { return callCharge }))},
	}
	p.server = &http.Server{Handler: http.HandlerFunc(p.take), ReadHeaderTimeout: time.Second}
	go func() { _ = p.server.Serve(l) }() // ends with close
	return p, nil
}

// How long the payments service takes with the fault on.
const slowCharge = 900 * time.Millisecond

// take is the payments service. It takes a payment once for each key.
func (p *payments) take(w http.ResponseWriter, r *http.Request) {
	if hit, _ := p.down.strikes(); hit {
		http.Error(w, "the bank does not answer", http.StatusServiceUnavailable)
		return
	}
	if hit, _ := p.slow.strikes(); hit && rest(r.Context(), slowCharge) != nil {
		return // the caller has gone
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"payment": "pay-" + r.Header.Get("Idempotency-Key")})
}

// charge takes the money for an order and returns the payment's number. What happens
// when payments does not answer is in hale.yaml, and up to the caller's options.
func (p *payments) charge(ctx context.Context, key string, opts ...hale.CallOption) (string, error) {
	return hale.Call(ctx, callCharge, func(ctx context.Context) (string, error) {
		return p.post(ctx, key)
	}, append(opts, hale.Idempotent())...)
}

// chargeLater is the fallback of charge: the order is accepted all the same.
func chargeLater(context.Context, error) (string, error) { return chargedLater, nil }

func (p *payments) post(ctx context.Context, key string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Idempotency-Key", key)
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("payments: %s", resp.Status)
	}
	var answer struct{ Payment string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("payments: %w", err)
	}
	return answer.Payment, nil
}

func (p *payments) close() {
	p.client.CloseIdleConnections()
	_ = p.server.Close() // nothing can be done about an error on the way out
}
