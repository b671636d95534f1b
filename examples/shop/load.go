package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// stream is steady load on one route.
type stream struct {
	route     string
	method    string
	path      string // with %d for a running number, or without
	body      string
	perSecond int
}

var streams = []stream{
	{routeHome, http.MethodGet, "/", "", 20},
	{routePlace, http.MethodPost, "/orders", `{"item":"kettle","cents":2900}`, 10},
	{routeOrders, http.MethodGet, "/orders", "", 10},
	{routeReco, http.MethodGet, "/recommendations", "", 20},
	{routeThumbnail, http.MethodGet, "/thumbnails/%d", "", 15},
	{routeStock, http.MethodGet, "/stock/%d", "", 5},
	{routeProduct, http.MethodGet, "/products/%d", "", 10},
	{routeSuggest, http.MethodGet, "/suggestions", "", 10},
}

// maxInFlight bounds the requests of a stream that wait for an answer. One more
// counts as failed: the load is open-loop and does not wait for the service.
const maxInFlight = 64

// requestTimeout is far beyond anything that the shop does on purpose.
const requestTimeout = 5 * time.Second

// load sends requests to the shop until ctx is done, and writes a [tallyLine]
// every second. It then waits for the answers that are due and writes the last.
func load(ctx context.Context, target string, out io.Writer) error {
	if target == "" {
		return errUsage
	}
	client := &http.Client{Timeout: requestTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: maxInFlight}}
	defer client.CloseIdleConnections()
	var t tally
	var running sync.WaitGroup
	for _, st := range streams {
		running.Go(func() { st.run(ctx, client, target, &t) })
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	lines := json.NewEncoder(out)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			if err := lines.Encode(t.take()); err != nil {
				return err
			}
		}
	}
	running.Wait()
	return lines.Encode(t.take())
}

// run sends the stream's requests on time, whatever became of those before.
func (st stream) run(ctx context.Context, client *http.Client, target string, t *tally) {
	ticker := time.NewTicker(time.Second / time.Duration(st.perSecond))
	defer ticker.Stop()
	slots := make(chan struct{}, maxInFlight)
	var sent sync.WaitGroup
	defer sent.Wait()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		began := time.Now()
		select {
		case slots <- struct{}{}:
		default:
			t.failed(failure{st.route, began, began, fmt.Sprintf("%d requests are still unanswered", maxInFlight)})
			continue
		}
		sent.Go(func() {
			defer func() { <-slots }()
			// Not under ctx: a request that was sent is answered or has failed.
			less, why := st.send(client, target, n)
			switch now := time.Now(); {
			case why != "":
				t.failed(failure{st.route, began, now, why})
			case less:
				t.less(lesser{st.route, began, now})
			default:
				t.ok(st.route, now.Sub(began))
			}
		})
	}
}

// send sends one request and returns why it failed, "" if it did not, and whether the
// answer is less than what was asked for.
func (st stream) send(client *http.Client, target string, n int) (less bool, why string) {
	path := st.path
	if strings.Contains(path, "%d") {
		path = fmt.Sprintf(path, n%50)
	}
	req, err := http.NewRequest(st.method, target+path, bytes.NewReader([]byte(st.body)))
	if err != nil {
		return false, err.Error()
	}
	req.Header.Set("X-Request-Id", fmt.Sprintf("load-%s-%d", st.method, n))
	resp, err := client.Do(req)
	if err != nil {
		return false, err.Error()
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return false, err.Error()
	}
	if resp.StatusCode >= 300 {
		return false, resp.Status
	}
	return resp.Header.Get(headerDegraded) != "", ""
}
