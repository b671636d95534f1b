package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hale-go/hale/observe"
)

// adminClient talks to the shop's admin listener, which several processes may have one
// after the other, and two at once.
type adminClient struct {
	url  string
	http *http.Client
	pid  int            // who answered last
	next map[int]uint64 // number of the first event that was not read yet, of each process
	lost map[int]uint64
}

func newAdminClient(url string) *adminClient {
	return &adminClient{url: url, next: map[int]uint64{}, lost: map[int]uint64{}, http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}}
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

// events returns hale's events, in the process that answers, since its last answer.
func (c *adminClient) events(ctx context.Context) ([]observe.Event, error) {
	var page eventPage
	if err := c.call(ctx, http.MethodGet, fmt.Sprintf("/events.json?since=%d&pid=%d", c.next[c.pid], c.pid), &page); err != nil {
		return nil, err
	}
	if page.PID != c.pid { // all of its events: some may be known
		first := page.Next - uint64(len(page.Events))
		page.Events = page.Events[min(max(c.next[page.PID], first)-first, uint64(len(page.Events))):]
	}
	c.pid, c.next[page.PID] = page.PID, page.Next
	c.lost[page.PID] = max(c.lost[page.PID], page.Lost)
	return page.Events, nil
}

// unseen is how many events nobody has seen.
func (c *adminClient) unseen() (n uint64) {
	for _, lost := range c.lost {
		n += lost
	}
	return n
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
