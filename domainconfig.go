package hale

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/isolate"
)

// DomainConfig declares the walls of a fault domain: what its calls share and may use
// up, so that a fault in it leaves the others untouched. What is nil or 0 there is not.
// A call goes through the walls of its own domain and of those around it, its own first:
// who waits in a domain that is stuck takes no place in those around it. Of the settings
// that are not shared (breaker, retry, timeout, criticality) the innermost domain that has
// one counts.
//
// [Call] and the routes of halehttp.Domain pass the walls, routes without Retry. Tasks and
// the units of pools do not: they are in a domain by their names, for its quarantine, and
// pools have limits of their own. Without a bulkhead, a timeout leaves up to 1024 stuck
// bodies of one name behind before further calls get [ErrFull]: give it one.
type DomainConfig struct {
	// Bulkhead bounds how many calls of the domain run at once, and how many wait.
	Bulkhead *isolate.BulkheadConfig `json:"bulkhead,omitempty" yaml:"bulkhead"`
	// Adaptive has the bulkhead's limit follow what the dependency can take; Limit is then
	// the most that it may be. Without Bulkhead, one is made: what finds no room waits as
	// its defaults say.
	Adaptive *isolate.AdaptiveConfig `json:"adaptive,omitempty" yaml:"adaptive"`
	// Rate bounds how often the domain may be called.
	Rate *isolate.RateConfig `json:"rate,omitempty" yaml:"rate"`
	// Breaker stops calling what keeps failing. Each name of the domain has its own.
	Breaker *isolate.BreakerConfig `json:"breaker,omitempty" yaml:"breaker"`
	// Retry tries calls again that failed, whatever they do: say [NotIdempotent] of those
	// that must not be made twice, or leave it out. One that timed out may still be under
	// way: it is tried again only where the call says that it is [Idempotent]. What panicked
	// is not tried again.
	Retry *isolate.RetryConfig `json:"retry,omitempty" yaml:"retry"`
	// Pool holds the settings of the [Pool] that has the domain's name: what its own
	// leave 0 is taken from here, and when Workers changes it is resized while it runs; the
	// others hold for pools that are made from then on.
	Pool *PoolConfig `json:"pool,omitempty" yaml:"pool"`
	// Timeout is how long one try may take. Then its context ends and the caller gets
	// [ErrTimeout] at once, even if the function ignores its context: it runs on a
	// goroutine of its own. Default: that of the domain around; none, where none has one:
	// the function runs on the caller's.
	Timeout time.Duration `json:"timeout,omitempty" yaml:"timeout"`
	// Grace is how long a function may take to return after that before it is given up:
	// its place in the bulkhead is free again, until as many as the bulkhead holds have
	// been given up and not come back. Default: 1s.
	Grace time.Duration `json:"grace,omitempty" yaml:"grace"`
	// Criticality is that of calls whose context has none; see [WithCriticality]. It counts
	// where there is not room for all.
	// Default: critical.
	Criticality isolate.Criticality `json:"criticality,omitempty" yaml:"criticality"`
}

// Bounds of the names of domains.
const (
	maxDomains    = 16384 // that settings may name
	maxDomainDeep = 8     // parts between dots

	maxDomainName = maxName - len(heal.ShrinkSwitch) // bytes, so that each has its switches
)

// withDefaults returns the settings with every zero field set.
func (c DomainConfig) withDefaults() (DomainConfig, error) {
	var err error
	if c.Adaptive != nil {
		if c.Bulkhead != nil && c.Adaptive.Max == 0 {
			own := *c.Adaptive
			own.Max, c.Adaptive = max(c.Bulkhead.Limit, 0), &own
		}
		if c.Adaptive, err = filled(c.Adaptive, "Adaptive", isolate.AdaptiveConfig.WithDefaults); err != nil {
			return c, err
		}
		if c.Bulkhead == nil {
			c.Bulkhead = &isolate.BulkheadConfig{Limit: c.Adaptive.Initial}
		}
	}
	if c.Bulkhead, err = filled(c.Bulkhead, "Bulkhead", isolate.BulkheadConfig.WithDefaults); err != nil {
		return c, err
	}
	if c.Rate, err = filled(c.Rate, "Rate", isolate.RateConfig.WithDefaults); err != nil {
		return c, err
	}
	if b := c.Breaker; b != nil && b.MaxProbe == 0 && c.Timeout > 0 { // a probe has the time that any call has
		own := *b
		own.MaxProbe, c.Breaker = min(c.Timeout+cmp.Or(c.Grace, defaultGrace), maxDuration), &own
	}
	if c.Breaker, err = filled(c.Breaker, "Breaker", isolate.BreakerConfig.WithDefaults); err != nil {
		return c, err
	}
	if c.Retry, err = filled(c.Retry, "Retry", isolate.RetryConfig.WithDefaults); err != nil {
		return c, err
	}
	if c.Pool != nil {
		_, err := c.Pool.withDefaults(1)
		if bad, ok := errors.AsType[*ConfigError](err); ok {
			_, field, _ := strings.Cut(bad.Field, ".")
			return c, &ConfigError{Field: "Pool." + field, Value: bad.Value, Mend: bad.Mend}
		}
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"Timeout", c.Timeout}, {"Grace", c.Grace}} {
		if f.value < 0 || f.value > maxDuration {
			return c, &ConfigError{Field: f.name, Value: f.value, Mend: "give a duration up to 24h, or 0 for the default"}
		}
	}
	if c.Criticality > isolate.CriticalPlus {
		return c, &ConfigError{Field: "Criticality", Value: c.Criticality, Mend: "use sheddable, sheddable_plus, critical or critical_plus"}
	}
	if c.Grace == 0 {
		c.Grace = defaultGrace
	}
	return c, nil
}

// filled returns a copy of settings with their defaults; their error names the field
// by where they stand.
func filled[C any](c *C, at string, defaults func(C) (C, error)) (*C, error) {
	if c == nil {
		return nil, nil
	}
	out, err := defaults(*c)
	if bad, ok := errors.AsType[*isolate.ConfigError](err); ok {
		_, field, _ := strings.Cut(bad.Field, ".")
		return nil, &ConfigError{Field: at + "." + field, Value: bad.Value, Mend: bad.Mend}
	}
	return &out, err
}

// checkDomain reports why a name cannot be that of a domain.
func checkDomain(name string) (mend string) {
	switch parts := strings.Split(name, "."); {
	case name == "":
		return "give the domain a name"
	case !plainName(name) || len(name) > maxDomainName:
		return fmt.Sprintf("give a printable name in ASCII, without '#', of at most %d bytes", maxDomainName)
	case slices.Contains(parts, ""):
		return "give each part between dots a name"
	case len(parts) > maxDomainDeep:
		return fmt.Sprintf("nest domains at most %d deep", maxDomainDeep)
	}
	return ""
}

// checkDomains returns the settings of domains with their defaults.
func checkDomains(domains map[string]DomainConfig) (map[string]DomainConfig, error) {
	if n := len(domains); n > maxDomains {
		return nil, &ConfigError{Field: "Config.Domains", Value: n, Mend: fmt.Sprintf("give at most %d", maxDomains)}
	}
	out := make(map[string]DomainConfig, len(domains))
	for _, name := range slices.Sorted(maps.Keys(domains)) {
		at := fmt.Sprintf("Config.Domains[%q]", printable(name, maxName))
		if mend := checkDomain(name); mend != "" {
			return nil, &ConfigError{Field: at, Value: name, Mend: mend}
		}
		c, err := domains[name].withDefaults()
		if bad, ok := errors.AsType[*ConfigError](err); ok {
			return nil, &ConfigError{Field: at + "." + bad.Field, Value: bad.Value, Err: bad.Err, Mend: bad.Mend}
		}
		if err != nil {
			return nil, err
		}
		out[name] = c
	}
	return out, nil
}
