package health

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/internal/starve"
	"github.com/hale-go/hale/observe"
)

// Probes answers probes. Make one with [New]. All methods may be called from any goroutine.
type Probes struct {
	rt       *hale.Runtime
	cfg      Config
	client   *http.Client
	started  atomic.Bool
	draining atomic.Bool

	mu     sync.Mutex
	meter  *starve.Meter
	looked time.Time
	seen   map[string]bool              // what Live looks at and has been well
	bad    map[string]time.Duration     // for how long what Live looks at has failed
	full   map[observe.Domain]time.Time // since when a domain is
	asking map[string]*answer           // checks that have not come back
}

// New returns probes of a service, or a [*hale.ConfigError]. A nil runtime knows no tasks
// and no domains. It starts nothing.
func New(rt *hale.Runtime, cfg Config) (*Probes, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Probes{
		rt: rt, cfg: cfg, meter: starve.NewMeter(), looked: time.Now(),
		client: &http.Client{Timeout: cfg.Timeout, Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		seen:   map[string]bool{}, bad: map[string]time.Duration{}, full: map[observe.Domain]time.Time{}, asking: map[string]*answer{},
	}, nil
}

// Started says that the service has started: until then it is not ready, and what it lives by
// may be missing as long as it has not been there. How long a start may take is for who started it
// to say: a startup probe, or the ready timeout of "hale run". Start the critical tasks before: a
// name that no task has had by then is told as misuse, once, in the runtime's log and as an event,
// and as a part that is not well (see [hale.ReportHealth]), and keeps the service from being ready until one has it. Live does not fail for it: to start the
// service again would not mend a wrong name.
func (p *Probes) Started() {
	if !p.started.Swap(true) {
		p.tellUnknown()
		p.unstarted()
	}
}

// Drain says that the service is about to end: it is not ready any more. Where a successor may
// share the socket that this is asked on, as under "hale run", close that listener at once
// instead: the successor then answers for both.
func (p *Probes) Drain() { p.draining.Store(true) }

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Failed bool   `json:"failed,omitempty"`
	Reason string `json:"reason,omitempty"` // why it failed, or is about to
}

// failures joins those that failed.
func failures(checks []Check) error {
	var errs []error
	for _, c := range checks {
		if c.Failed {
			errs = append(errs, fmt.Errorf("%s: %s", c.Name, c.Reason))
		}
	}
	return errors.Join(errs...)
}

// Live returns nil while the service lives, and else why it does not. It takes at most the
// Timeout. [process.Watch] takes it as it is.
//
// [process.Watch]: https://pkg.go.dev/github.com/hale-go/hale/process#Watch
func (p *Probes) Live(ctx context.Context) error { return failures(p.live(ctx)) }

func (p *Probes) live(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	wrong := map[string]string{}
	for _, name := range p.cfg.Critical {
		if ok, why := p.rt.Beating(name); !ok {
			wrong[name] = why
		}
	}
	if p.cfg.Loopback != "" {
		if err := p.loopback(ctx); err != nil {
			wrong[loopback] = err.Error()
		}
	}
	p.unstarted() // for those that have run by now not to be unwell any more
	p.mu.Lock()
	defer p.mu.Unlock()
	passed := p.passed()
	checks := []Check{{Name: "goroutines"}} // this one is run
	for _, name := range p.livesBy() {
		why, failed := wrong[name]
		if !failed {
			p.seen[name] = true
			delete(p.bad, name)
			checks = append(checks, Check{Name: name})
			continue
		}
		if !p.seen[name] && p.yetToCome(name) {
			checks = append(checks, Check{Name: name, Reason: why})
			continue
		}
		if _, known := p.bad[name]; known {
			p.bad[name] += passed
		} else {
			p.bad[name] = 0
		}
		checks = append(checks, Check{Name: name, Failed: p.bad[name] >= p.cfg.Patience, Reason: why})
	}
	return checks
}

const loopback = "loopback"

// livesBy returns the names of what Live looks at.
func (p *Probes) livesBy() []string {
	names := slices.Clone(p.cfg.Critical)
	if p.cfg.Loopback != "" {
		names = append(names, loopback)
	}
	return names
}

// passed returns how much of the time since the last look counts: starvation does not. p.mu
// is held.
func (p *Probes) passed() time.Duration {
	now := time.Now()
	elapsed := now.Sub(p.looked)
	p.looked = now
	return time.Duration(float64(elapsed) / p.meter.Slowdown(max(elapsed, time.Millisecond)))
}

// loopback asks the service itself.
func (p *Probes) loopback(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.cfg.Loopback, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("it answers with %s", resp.Status)
	}
	return nil
}

// Ready returns nil while the service is ready for requests, and else why it is not. It
// takes at most the Timeout.
func (p *Probes) Ready(ctx context.Context) error { return failures(p.ready(ctx)) }

func (p *Probes) ready(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	checks := []Check{p.start(), {Name: "serving"}}
	if p.draining.Load() {
		checks[1].Failed, checks[1].Reason = true, "it drains"
	}
	checks = append(checks, p.unstarted()...)
	checks = append(checks, p.saturated()...)
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Degraded)) {
		c := Check{Name: "switch " + name}
		for _, d := range p.rt.Degradations() {
			if d.Name == name && d.Level >= p.cfg.Degraded[name] {
				c.Failed, c.Reason = true, fmt.Sprintf("it is degraded at level %d", d.Level)
			}
		}
		checks = append(checks, c)
	}
	return append(checks, p.own(ctx)...)
}

func (p *Probes) start() Check {
	if p.started.Load() {
		return Check{Name: "started"}
	}
	return Check{Name: "started", Failed: true, Reason: "it has not started yet"}
}

// saturated looks at the bulkheads of domains.
func (p *Probes) saturated() (checks []Check) {
	if len(p.cfg.Saturated) == 0 {
		return nil
	}
	domains := p.rt.Domains()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range p.cfg.Saturated {
		c := Check{Name: "domain " + string(name)}
		full := ""
		for _, d := range domains {
			if d.Name == name && d.Limit > 0 && d.InUse >= d.Limit {
				full = fmt.Sprintf("all of its %d places are taken, and %d calls wait", d.Limit, d.Waiting)
			}
		}
		since, known := p.full[name]
		switch {
		case full == "":
			delete(p.full, name)
		case !known:
			p.full[name] = time.Now()
		default:
			c.Failed, c.Reason = time.Since(since) >= p.cfg.Saturation, full
		}
		checks = append(checks, c)
	}
	return checks
}

// own asks the service's own checks, all at once.
func (p *Probes) own(ctx context.Context) (checks []Check) {
	names := slices.Sorted(maps.Keys(p.cfg.Checks))
	answers := make([]*answer, len(names))
	for i, name := range names {
		answers[i] = p.ask(name)
	}
	for i, name := range names {
		checks = append(checks, answers[i].check(ctx, name))
	}
	return checks
}

// answer is what a check says when it has come back.
type answer struct {
	asked time.Time
	done  chan struct{}
	err   error // valid when it is done
}

// check waits for the answer.
func (a *answer) check(ctx context.Context, name string) Check {
	select {
	case <-a.done:
	case <-ctx.Done():
		select {
		case <-a.done: // before the time was up, which another check used
		default:
			return Check{Name: name, Failed: true, Reason: fmt.Sprintf("it has not come back for %v", time.Since(a.asked).Round(time.Millisecond))}
		}
	}
	if a.err != nil {
		return Check{Name: name, Failed: true, Reason: a.err.Error()}
	}
	return Check{Name: name}
}

// ask asks a check, or, while it has not come back, whoever asked before.
func (p *Probes) ask(name string) *answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.asking[name]; a != nil {
		return a
	}
	a := &answer{asked: time.Now(), done: make(chan struct{}), err: errors.New("it ended its goroutine")}
	p.asking[name] = a
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Timeout)
		defer cancel()
		defer func() {
			if v := recover(); v != nil {
				a.err = fmt.Errorf("panic: %.200v", v)
			}
			p.mu.Lock()
			delete(p.asking, name)
			p.mu.Unlock()
			close(a.done)
		}()
		a.err = p.cfg.Checks[name](ctx)
	}()
	return a
}
