package hale

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// Degraded reports whether a switch is degraded, so that the code can do less: leave
// out the recommendations, serve an older copy, skip what is expensive. It asks the
// runtime of ctx, else the default one; without any it is false.
//
// A switch needs no declaration: it is there once somebody degrades it. Names nest by
// dots as those of domains do: "recommendations.similar" is degraded while
// "recommendations" is. It may be called from any goroutine and allocates nothing. While
// nothing is degraded it takes as long as finding the runtime, some 30 ns, and some
// 100 ns while anything is (BenchmarkDegraded).
func Degraded(ctx context.Context, name string) bool { return DegradedLevel(ctx, name) > 0 }

// DegradedLevel returns how far a switch is degraded: 0 is not at all, 9 is most. What a
// level means is up to the code that asks; 1 is the mildest, which incidents use. Of
// nested names the highest level counts. Else it is like [Degraded].
func DegradedLevel(ctx context.Context, name string) int {
	rt := runtimeOf(ctx)
	if rt == nil {
		return 0
	}
	return rt.switches.level(name)
}

// maxLevel is the highest level of a switch.
const maxLevel = 9

// maxHold bounds the lease of a switch.
const maxHold = 30 * 24 * time.Hour

// DegradationConfig says how switches come back.
type DegradationConfig struct {
	// Settle is how long a level stays after the last moment at which it was asked for;
	// then it goes down by one each Settle. What comes and goes keeps it up. Default: 10s.
	Settle time.Duration `json:"settle" yaml:"settle"`
}

func (c DegradationConfig) withDefaults() (DegradationConfig, error) {
	if c.Settle < 0 || c.Settle > maxDuration || c.Settle > 0 && c.Settle < minTick { // a number without a unit, most likely
		return c, &ConfigError{Field: "Config.Degradation.Settle", Value: c.Settle, Mend: "give a duration from " + minTick.String() + " to 24h, or 0 for the default"}
	}
	if c.Settle == 0 {
		c.Settle = 10 * time.Second
	}
	return c, nil
}

// checkDegraded returns a copy of the levels that settings ask for.
func checkDegraded(levels map[string]int) (map[string]int, error) {
	if n := len(levels); n > maxSwitches {
		return nil, &ConfigError{Field: "Config.Degraded", Value: n, Mend: fmt.Sprintf("give at most %d", maxSwitches)}
	}
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		at := fmt.Sprintf("Config.Degraded[%q]", printable(name, maxName))
		if mend := checkDomain(name); mend != "" {
			return nil, &ConfigError{Field: at, Value: name, Mend: mend}
		}
		if level := levels[name]; level < 1 || level > maxLevel {
			return nil, &ConfigError{Field: at, Value: level, Mend: levelMend + ", or leave the name out"}
		}
	}
	return maps.Clone(levels), nil
}

// Degrade sets the level of a switch, from 1 to 9, as one party asks for it: by says
// which, "" is "hand". It holds until the lease ends, at most 720h; 0 is until it is
// restored. Asking again replaces what the party asked for. Of several parties the
// highest level counts, so that none takes back what another needs: Config.Degraded asks
// as "config", an incident under its ID. The level rises at once, and falls as
// [DegradationConfig] says. A change of it is an event.
//
// Two kinds of switch are hale's own, and act on a fault domain: "shed:orders" says by its
// level what is turned away with [ErrShed] in the domain "orders" and those within it, 1
// what is [Sheddable], 2 what is [SheddablePlus] too, 3 what is [Critical] too; the level of
// "shrink:orders" says how often the limit of that domain's bulkhead is halved. Calls with a
// [Fallback], and routes with a degraded handler, heed the switch of their domain itself.
//
// A name, level, party or lease that cannot be used gives a [*ConfigError]; so does a
// 1025th switch, and a party for which there is no room: of more than 64 that ask for
// one switch, the lowest are dropped.
func (rt *Runtime) Degrade(name string, level int, by string, lease time.Duration) error {
	if rt.made() == nil {
		return noRuntime()
	}
	switch mend := checkDomain(name); {
	case mend != "":
		return &ConfigError{Field: "Degrade name", Value: name, Mend: mend}
	case level < 1 || level > maxLevel:
		return &ConfigError{Field: "Degrade level", Value: level, Mend: levelMend + ", or call Restore"}
	case by == byConfig || strings.HasPrefix(by, byIncident):
		return &ConfigError{Field: "Degrade by", Value: by, Mend: "that is how settings and incidents ask: give another name"}
	case by != "" && !plainName(by):
		return &ConfigError{Field: "Degrade by", Value: by, Mend: `give a printable name in ASCII, without '#', of at most 128 bytes, or "" for "hand"`}
	case lease < 0 || lease > maxHold:
		return &ConfigError{Field: "Degrade lease", Value: lease, Mend: "give at most 720h, or 0 for until it is restored"}
	}
	for _, own := range []string{heal.ShedSwitch, heal.ShrinkSwitch} {
		if domain, ok := strings.CutPrefix(name, own); ok && !rt.domains.knows(observe.Domain(domain)) {
			rt.misuse(observe.Subject{Name: name}, "a switch of hale's own is degraded for a domain that no settings declare, and in which nothing was called so far")
		}
	}
	return rt.switches.degrade(name, level, orHand(by), lease)
}

const levelMend = "give a level from 1 to 9"

func orHand(by string) string {
	if by == "" {
		return byHand
	}
	return by
}

// ErrNotDegraded is returned by [Runtime.Restore] and [Runtime.RestoreNow] when there is
// nothing that they could take back: the lease may have run out.
var ErrNotDegraded = errors.New("hale: not degraded")

// Restore takes back what a party asks for, "" is "hand". What other parties ask for
// stays. The level falls step by step, as [DegradationConfig] says. When the party does
// not ask for the switch, the error matches [ErrNotDegraded].
func (rt *Runtime) Restore(name, by string) error { return rt.restore(name, by, false) }

// RestoreNow is like [Runtime.Restore], and the level falls at once to what other
// parties ask for. It also ends the steps of what was restored before.
func (rt *Runtime) RestoreNow(name, by string) error { return rt.restore(name, by, true) }

func (rt *Runtime) restore(name, by string, atOnce bool) error {
	if rt.made() == nil {
		return noRuntime()
	}
	if by = orHand(by); !rt.switches.restore(name, by, atOnce) {
		return fmt.Errorf("%w: %q by %q", ErrNotDegraded, printable(name, maxName), printable(by, maxName))
	}
	return nil
}

// DegradationStat is a switch that is degraded, and why.
type DegradationStat struct {
	Name  string    `json:"name"`
	Level int       `json:"level"`          // that counts
	Asked int       `json:"asked"`          // the highest that is asked for; below Level while that comes down
	Since time.Time `json:"since"`          // since when it has that level
	Falls time.Time `json:"falls,omitzero"` // when it goes down by one, unless it is asked for; zero: it is asked for

	Holders []HolderStat `json:"holders"`           // who asks for it, sorted by name
	Dropped uint64       `json:"dropped,omitempty"` // parties that there was no room for
}

// HolderStat is a party that asks for a level.
type HolderStat struct {
	By    string    `json:"by"`
	Level int       `json:"level"`
	Until time.Time `json:"until,omitzero"` // when its lease ends; zero: never
}

// Degradations returns the switches that are degraded now, sorted by name.
func (rt *Runtime) Degradations() []DegradationStat {
	if rt.made() == nil {
		return nil
	}
	return rt.switches.stats()
}
