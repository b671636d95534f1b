package hale

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/internal/aside"
	"github.com/hale-go/hale/observe"
)

// settings are what a runtime goes by. They are replaced, never changed.
type settings struct {
	Config
	revision string
}

// config returns the settings as they are now.
func (rt *Runtime) config() *Config { return &rt.settings.Load().Config }

// current returns what the runtime was made with, and the settings as they are now.
func (rt *Runtime) current() options {
	o := rt.opts
	o.config = *rt.config()
	return o
}

// turnPatience is how long Reconfigure waits for a turn, which takes microseconds.
const turnPatience = 5 * time.Second

var errTurnHangs = errors.New("hale: the settings were not changed: a turn of the loop takes longer than " + turnPatience.String())

// Reconfigure gives a running runtime other settings: all that a [Config] holds, what
// is zero in it as its default. It takes effect between two turns of the loop, all of
// it or, when it returns an error, nothing: a [*ConfigError] or a [*heal.PolicyError]
// for what cannot be used, [ErrClosed] after Close, and an error when a turn hangs for
// 5 s. c must not be changed afterwards.
//
// What is known goes on: open incidents and their remedies, what is in quarantine and
// until when, what detectors have learned. A detector whose settings changed takes over
// what it remembers where that fits, and starts afresh where it does not; it may so
// confirm or clear a finding. A policy that does less lets go of nothing that is held:
// see [Runtime.SetHalted] for that. Records that were kept before stay as many.
//
// Recordings begin a new segment with the revision of the new settings, so that each
// can be replayed with those that decided; of the ten that are kept in memory, each
// change takes one. An event of kind [observe.EventReconfigured]
// tells of the change, and so does a record at INFO. The same settings again change
// nothing and tell nothing. It may be called from any goroutine but from within a turn,
// as a detector or a remedy is.
func (rt *Runtime) Reconfigure(c Config) error {
	if rt.made() == nil {
		return noRuntime()
	}
	c, err := c.withDefaults()
	if err != nil {
		return err
	}
	if !rt.betweenTurns() {
		return errTurnHangs
	}
	defer rt.turnMu.Unlock()
	if rt.closed.Load() {
		return ErrClosed
	}
	was, now := rt.settings.Load(), &settings{c, c.revision()}
	var l *loop
	_, broke := aside.Call(0, nil, func() bool { // a fault of hale's must not reach the caller
		l, err = rt.loop.under(rt.opts, &was.Config, &now.Config)
		return true
	})
	domains, bad := rt.domains.prepare(c.Domains)
	if err := errors.Join(broke, err, bad); err != nil {
		return fmt.Errorf("hale: the settings were not changed: %w", err)
	}
	if err := rt.switches.reconfigure(c.Degraded, c.Degradation.Settle); err != nil { // there is no room for more
		_ = rt.switches.reconfigure(was.Degraded, was.Degradation.Settle)
		return fmt.Errorf("hale: the settings were not changed: %w", err)
	}
	rt.settings.Store(now) // nothing fails from here on
	rt.loop = l
	rt.pacer.Interval = c.Snapshots
	rt.logs.reconfigure(was.Logs, c.Logs)
	domains()
	rt.poolMu.Lock()
	pools := slices.Clone(rt.pools)
	rt.poolMu.Unlock()
	for _, p := range pools {
		p.follow(c.Domains[p.Name()].Pool)
	}
	declared := maps.EqualFunc(was.Domains, c.Domains, func(DomainConfig, DomainConfig) bool { return true })
	if !declared || !maps.Equal(was.Latency.Thresholds, c.Latency.Thresholds) || !slices.Equal(was.Objectives, c.Objectives) {
		rt.unmet, rt.named = 0, time.Now()
	}
	if was.Tick != c.Tick {
		select {
		case rt.retick <- struct{}{}:
		default: // one that was not taken yet will do
		}
	}
	if was.revision == now.revision {
		return nil
	}
	rt.recorder.Revise(now.revision)
	rt.emit(observe.Event{
		Kind: observe.EventReconfigured, Subject: observe.Subject{Name: "hale.settings"},
		Detail: fmt.Sprintf("revision %s takes the place of %s", now.revision, was.revision),
	}) // logged by the next turn: a logger that blocks must not hold up the caller
	return nil
}

// betweenTurns locks turnMu, unless a turn hangs.
func (rt *Runtime) betweenTurns() bool {
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		if rt.turnMu.TryLock() {
			return true
		}
		if time.Since(began) > turnPatience {
			return false
		}
	}
}

// under returns a loop that goes on where l is, under other settings. l is left as it
// is, and not to be used beside it.
func (l *loop) under(o options, was, now *Config) (*loop, error) {
	healer, err := heal.NewHealer(now.Policy, o.allRemedies()...)
	if err != nil {
		return nil, err
	}
	state, err := l.healer.State()
	if err == nil {
		err = healer.SetState(state)
	}
	if err != nil {
		return nil, fmt.Errorf("hale: what is under way cannot go on under other settings: %w", err)
	}
	fresh := map[string]func() detect.Detector{}
	before := builtin(was)
	for i, d := range builtin(now) {
		theirs := slices.ContainsFunc(o.detectors, func(own namedDetector) bool { return own.name == d.name })
		if !theirs && !reflect.DeepEqual(before[i].fresh(), d.fresh()) { // what differs in new ones is their settings
			fresh[d.name] = d.fresh
		}
	}
	return &loop{
		panel: l.panel.With(fresh), lost: now.Lost.WithDefaults(), lostSince: l.lostSince,
		diagnoser: l.diagnoser, healer: healer, said: l.said,
	}, nil
}
