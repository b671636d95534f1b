package isolate

import "time"

// shortest is how little two calls may be apart: about what reading the clock takes.
const shortest = 100 * time.Nanosecond

// RateConfig says how often something may be done; see [RateLimiter].
type RateConfig struct {
	// Calls is how many may begin within Per, all of them at once after a pause. It must
	// be given.
	Calls int `json:"calls" yaml:"calls"`
	// Per is the time that Calls are counted in, no less than 100ns for each. Default:
	// 1s.
	Per time.Duration `json:"per" yaml:"per"`
	// Smooth keeps calls Per/Calls apart, for what cannot take many at once.
	Smooth bool `json:"smooth,omitempty" yaml:"smooth"`
	// MaxWait is for how long a call may be held back until it is its turn. Default: 0,
	// it is refused at once.
	MaxWait time.Duration `json:"max_wait,omitempty" yaml:"max_wait"`
}

// WithDefaults returns the settings with every zero field set, and a [*ConfigError]
// that names the first field that cannot be used.
func (c RateConfig) WithDefaults() (RateConfig, error) {
	if c.Calls < 1 || c.Calls > most {
		return c, &ConfigError{Field: "RateConfig.Calls", Value: c.Calls, Mend: "give how many calls may begin within Per, from 1 to 1048576"}
	}
	for _, err := range []error{
		duration("RateConfig.Per", &c.Per, time.Second),
		duration("RateConfig.MaxWait", &c.MaxWait, 0),
	} {
		if err != nil {
			return c, err
		}
	}
	if c.Per/time.Duration(c.Calls) < shortest {
		return c, &ConfigError{Field: "RateConfig.Per", Value: c.Per, Mend: "give no less than 100ns for each of Calls"}
	}
	return c, nil
}
