package isolate

import "time"

// RetryConfig says how calls that failed are tried again; see [Retry]. The zero value
// tries up to two more times.
type RetryConfig struct {
	// Max is how many more times a call is tried. Default, also for 0: 2. For none, declare
	// no retry.
	Max int `json:"max" yaml:"max"`
	// Delay is the longest wait before the first of them. It doubles with each, up to
	// MaxDelay. Each wait is anything from 0 to that (full jitter, after Brooker,
	// "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Default: 50ms.
	Delay time.Duration `json:"delay" yaml:"delay"`
	// MaxDelay bounds that. Who asks for a longer pause (see [Retry]) gets no retry at
	// all. Default: 2s, or Delay where that is more.
	MaxDelay time.Duration `json:"max_delay" yaml:"max_delay"`
	// Budget is how many retries there may be for each call, over time, so that a
	// dependency that is down gets hardly more calls than when it is up. Default: 0.1.
	Budget float64 `json:"budget" yaml:"budget"`
	// Abort says of which errors a call is not tried again; what it panics with counts
	// as yes. Those of hale's own refusals never are. Default: nil, of no others.
	Abort func(error) bool `json:"-" yaml:"-"`
}

// WithDefaults returns the settings with every zero field set, and a [*ConfigError]
// that names the first field that cannot be used.
func (c RetryConfig) WithDefaults() (RetryConfig, error) {
	for _, err := range []error{
		number("RetryConfig.Max", &c.Max, 2),
		duration("RetryConfig.Delay", &c.Delay, 50*time.Millisecond),
		duration("RetryConfig.MaxDelay", &c.MaxDelay, max(2*time.Second, c.Delay)),
		share("RetryConfig.Budget", &c.Budget, 0.1),
	} {
		if err != nil {
			return c, err
		}
	}
	if c.MaxDelay < c.Delay {
		return c, &ConfigError{Field: "RetryConfig.MaxDelay", Value: c.MaxDelay, Mend: "give no less than Delay"}
	}
	return c, nil
}
