package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// adminClient talks to the shop's admin listener.
type adminClient struct {
	url  string
	http *http.Client
	next uint64 // number of the first event that was not read yet
	lost uint64
}

func newAdminClient(url string) *adminClient {
	return &adminClient{url: url, http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}}
}

func (c *adminClient) close() { c.http.CloseIdleConnections() }

// turn switches a fault on or off.
func (c *adminClient) turn(ctx context.Context, fault string, on bool) error {
	state := "off"
	if on {
		state = "on"
	}
	return c.call(ctx, http.MethodPost, "/fault/"+fault+"/"+state, nil)
}

func (c *adminClient) status(ctx context.Context) (s shopStatus, err error) {
	err = c.call(ctx, http.MethodGet, "/status.json", &s)
	return s, err
}

// events returns hale's events since the last call.
func (c *adminClient) events(ctx context.Context) (page eventPage, err error) {
	err = c.call(ctx, http.MethodGet, fmt.Sprintf("/events.json?since=%d", c.next), &page)
	if err == nil {
		c.next, c.lost = page.Next, max(c.lost, page.Lost)
	}
	return page, err
}

func (c *adminClient) call(ctx context.Context, method, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause // says more than "context canceled"
		}
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode >= 300:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // for people
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	case into == nil:
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
