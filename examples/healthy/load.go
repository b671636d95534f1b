package healthy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Phase is a part of a [Load].
type Phase struct {
	For time.Duration
	// Rate returns requests a second at a part of the phase from 0 to 1.
	Rate func(part float64) float64
	// Polls is how many long polls are kept open on each of the two servers. The
	// number changes by one a pace, so that it rises and falls like a ramp.
	Polls int
}

// Steady is the shape of a phase that stays at a rate.
func Steady(rate float64) func(float64) float64 {
	return func(float64) float64 { return rate }
}

// Ramp is the shape of one that goes from one rate to another.
func Ramp(from, to float64) func(float64) float64 {
	return func(part float64) float64 { return from + part*(to-from) }
}

// Bursts is the shape of one that rests at a rate and rises to another for a
// tenth of the time, n times.
func Bursts(rest, burst float64, n int) func(float64) float64 {
	return func(part float64) float64 {
		if _, at := split(part * float64(n)); at > .9 {
			return burst
		}
		return rest
	}
}

func split(x float64) (whole int, rest float64) { return int(x), x - float64(int(x)) }

// Load sends requests to a service, whether or not it keeps up, half of them
// over HTTP/2. Everything random in it comes from its seed.
type Load struct {
	Service *Service
	Phases  []Phase
	Seed    uint64
	// Paths are asked for too, by every third request; see [Config.Routes].
	Paths []string

	client  *http.Client
	flights sync.WaitGroup
	polls   []context.CancelFunc

	sent, failed atomic.Uint64
	first        atomic.Pointer[error] // first error
}

// Total is how long all phases take.
func (l *Load) Total() time.Duration {
	var sum time.Duration
	for _, p := range l.Phases {
		sum += p.For
	}
	return sum
}

// pace is how often requests are sent.
const pace = 20 * time.Millisecond

// Run sends the load until it is through or ctx is done, and waits for the
// answers, except those to long polls, which it goes away from: a client may.
// It returns an error that counts the requests that failed.
func (l *Load) Run(ctx context.Context) error {
	l.client = l.Service.Client()
	defer l.client.CloseIdleConnections()
	random := rand.New(rand.NewPCG(l.Seed, 1))
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for _, p := range l.Phases {
		l.phase(ctx, p, random, ticker.C)
	}
	for _, leave := range l.polls {
		leave()
	}
	l.flights.Wait()
	if n := l.failed.Load(); n > 0 {
		return fmt.Errorf("%d of %d requests failed, the first: %w", n, l.sent.Load(), *l.first.Load())
	}
	return nil
}

// Sent returns how many requests were sent so far.
func (l *Load) Sent() uint64 { return l.sent.Load() }

func (l *Load) phase(ctx context.Context, p Phase, random *rand.Rand, tick <-chan time.Time) {
	due := 0.0
	for start := time.Now(); ; {
		var now time.Time
		select {
		case now = <-tick:
		case <-ctx.Done():
			return
		}
		part := now.Sub(start).Seconds() / p.For.Seconds()
		if part >= 1 {
			return
		}
		for due += p.Rate(max(part, 0)) * pace.Seconds(); due >= 1; due-- {
			l.send(random)
		}
		l.setPolls(2 * p.Polls)
	}
}

// routes with how often each is asked for, of 20.
var mix = []struct {
	share  int
	method string
	path   string
}{
	{6, http.MethodGet, "/order/7"},
	{3, http.MethodPost, "/order/7"},
	{4, http.MethodGet, "/quote/7"},
	{3, http.MethodGet, "/thumbnail/7"},
	{3, http.MethodGet, "/session/7"},
	{1, http.MethodGet, "/stock"},
}

func (l *Load) send(random *rand.Rand) {
	base := l.base(random.IntN(2))
	if len(l.Paths) > 0 && random.IntN(3) == 0 {
		path := l.Paths[random.IntN(len(l.Paths))]
		l.flights.Go(func() { l.ask(context.Background(), http.MethodGet, base+path) })
		return
	}
	n := random.IntN(20)
	for _, m := range mix {
		if n -= m.share; n < 0 {
			l.flights.Go(func() { l.ask(context.Background(), m.method, base+m.path) })
			return
		}
	}
}

func (l *Load) base(i int) string {
	if i%2 == 0 {
		return l.Service.URL()
	}
	return l.Service.SecureURL()
}

// setPolls opens or leaves one long poll, if their number is not n.
func (l *Load) setPolls(n int) {
	last := len(l.polls) - 1
	switch {
	case len(l.polls) < n:
		ctx, cancel := context.WithCancel(context.Background())
		base := l.base(len(l.polls))
		l.polls = append(l.polls, cancel)
		l.flights.Go(func() {
			for ctx.Err() == nil && l.ask(ctx, http.MethodGet, base+"/changes") {
			}
		})
	case len(l.polls) > n:
		l.polls[last]()
		l.polls = l.polls[:last]
	}
}

// ask sends a request, reads the answer, and reports whether it was a good one.
func (l *Load) ask(ctx context.Context, method, url string) bool {
	l.sent.Add(1)
	err := l.exchange(ctx, method, url)
	if err == nil || ctx.Err() != nil {
		return err == nil
	}
	l.failed.Add(1)
	err = fmt.Errorf("%s %s: %w", method, url, err)
	l.first.CompareAndSwap(nil, &err)
	return false
}

func (l *Load) exchange(ctx context.Context, method, url string) error {
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader("one of these, please")
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return errors.New(resp.Status)
	}
	return nil
}

// Day is a day's traffic in little: a quiet start, a morning ramp, a steady noon
// with bursts, an evening that falls to half, and a second, higher ramp.
func Day(total time.Duration) []Phase {
	part := func(n int) time.Duration { return total * time.Duration(n) / 12 }
	return []Phase{
		{For: part(1), Rate: Steady(30), Polls: 20},
		{For: part(2), Rate: Ramp(30, 180), Polls: 110},
		{For: part(3), Rate: Steady(180), Polls: 110},
		{For: part(2), Rate: Bursts(100, 600, 4), Polls: 110},
		{For: part(1), Rate: Ramp(100, 50), Polls: 60},
		{For: part(2), Rate: Ramp(50, 300), Polls: 110},
		{For: part(1), Rate: Steady(250), Polls: 110},
	}
}
