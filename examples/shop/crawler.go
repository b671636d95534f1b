package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// crawler is somebody who asks for suggestions far more often than a person does. It is
// as foreign to the shop as the other load; it lives here so that a switch can start it.
type crawler struct {
	mu   sync.Mutex
	url  string // of the shop, once it is open
	stop context.CancelFunc
}

// Of the crawler: requests a second, and how many may wait for an answer.
const (
	crawlRate     = 100
	crawlInFlight = 40
)

func (c *crawler) visit(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.url = url
}

// turn starts and stops it.
func (c *crawler) turn(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop()
		c.stop = nil
	}
	if on && c.url != "" {
		var ctx context.Context
		ctx, c.stop = context.WithCancel(context.Background())
		go crawl(ctx, c.url+"/suggestions")
	}
}

// crawl asks until ctx is done.
func crawl(ctx context.Context, url string) {
	client := &http.Client{Timeout: requestTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: crawlInFlight}}
	ticker := time.NewTicker(time.Second / crawlRate)
	defer ticker.Stop()
	slots := make(chan struct{}, crawlInFlight)
	var asked sync.WaitGroup
	defer client.CloseIdleConnections()
	defer asked.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		select {
		case slots <- struct{}{}:
			asked.Go(func() {
				defer func() { <-slots }()
				ask(ctx, client, url)
			})
		default: // it does not care
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		return // it does not care
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
}
