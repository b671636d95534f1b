package isolate

import "time"

// BreakerConfig says when a [Breaker] opens and how it closes again. The zero value
// opens after 10 failures among the last 20 calls.
type BreakerConfig struct {
	// Failures is how many of the last Of calls must have failed for the breaker to
	// open; as many as Of are failures in a row. Default: half of Of, rounded up.
	Failures int `json:"failures" yaml:"failures"`
	// Of is how many calls are looked back at. Default: 20, or what Failures or Slow
	// ask for where that is more.
	Of int `json:"of" yaml:"of"`

	// FailureRate, in place of Failures, is the share of the calls within Period that must
	// have failed, where there were at least MinCalls. It costs each call about two
	// readings of the clock more. Default: 0, none.
	FailureRate float64 `json:"failure_rate,omitempty" yaml:"failure_rate"`
	// Period is for how long back FailureRate looks. Default: 10s.
	Period time.Duration `json:"period,omitempty" yaml:"period"`
	// MinCalls is how many calls FailureRate needs within Period. Default: 20.
	MinCalls int `json:"min_calls,omitempty" yaml:"min_calls"`

	// SlowAfter is when a call counts as slow, also one that succeeds. Default: 0, none
	// does.
	SlowAfter time.Duration `json:"slow_after,omitempty" yaml:"slow_after"`
	// Slow is how many of the last Of calls must have been slow for the breaker to
	// open. Default: four in five of them.
	Slow int `json:"slow,omitempty" yaml:"slow"`

	// Open is for how long it stays open before it lets probes through. It doubles with
	// each time that they fail, up to MaxOpen, and varies by a tenth, so that many
	// processes do not probe at once. Default: 5s.
	Open time.Duration `json:"open" yaml:"open"`
	// MaxOpen bounds that. Default: 1m, or Open where that is more.
	MaxOpen time.Duration `json:"max_open" yaml:"max_open"`
	// Probes is how many calls are let through half open, and how many of them must
	// succeed for the breaker to close. Default: 3.
	Probes int `json:"probes" yaml:"probes"`
	// MaxProbe is for how long a probe may take. One that does not return by then, be
	// it stuck or gone, counts as failed, and can block the breaker no longer.
	// Default: 1m, or Open where that is more; in a domain with a timeout, what that and
	// the grace allow.
	MaxProbe time.Duration `json:"max_probe" yaml:"max_probe"`
}

// WithDefaults returns the settings with every zero field set, and a [*ConfigError]
// that names the first field that cannot be used.
func (c BreakerConfig) WithDefaults() (BreakerConfig, error) {
	for _, err := range []error{
		number("BreakerConfig.Failures", &c.Failures, 0),
		number("BreakerConfig.Slow", &c.Slow, 0),
		number("BreakerConfig.Of", &c.Of, max(20, c.Failures, c.Slow)),
		share("BreakerConfig.FailureRate", &c.FailureRate, 0),
		duration("BreakerConfig.Period", &c.Period, 10*time.Second),
		number("BreakerConfig.MinCalls", &c.MinCalls, 20),
		duration("BreakerConfig.SlowAfter", &c.SlowAfter, 0),
		duration("BreakerConfig.Open", &c.Open, 5*time.Second),
		duration("BreakerConfig.MaxOpen", &c.MaxOpen, max(time.Minute, c.Open)),
		number("BreakerConfig.Probes", &c.Probes, 3),
		duration("BreakerConfig.MaxProbe", &c.MaxProbe, max(time.Minute, c.Open)),
	} {
		if err != nil {
			return c, err
		}
	}
	if c.Failures > 0 && c.FailureRate > 0 {
		return c, &ConfigError{Field: "BreakerConfig.FailureRate", Value: c.FailureRate, Mend: "give Failures or FailureRate, not both"}
	}
	if c.Failures == 0 && c.FailureRate == 0 {
		c.Failures = (c.Of + 1) / 2
	}
	if c.Slow == 0 {
		c.Slow = (4*c.Of + 4) / 5
	}
	switch {
	case c.Failures > c.Of:
		return c, &ConfigError{Field: "BreakerConfig.Failures", Value: c.Failures, Mend: "give no more than Of, of how many calls they are"}
	case c.Slow > c.Of:
		return c, &ConfigError{Field: "BreakerConfig.Slow", Value: c.Slow, Mend: "give no more than Of, of how many calls they are"}
	case c.MaxOpen < c.Open:
		return c, &ConfigError{Field: "BreakerConfig.MaxOpen", Value: c.MaxOpen, Mend: "give no less than Open"}
	}
	return c, nil
}
