package standby

import (
	"fmt"
	"time"
)

// Config says when a [Switch] switches. Its zero value can be used.
type Config struct {
	// Interval is how long after the beginning of one check of a side the next one begins,
	// if the first is back. Default: 500ms; at least 1ms.
	Interval time.Duration
	// Timeout bounds a check, the opening and the closing of a side. A check that is not
	// back by then has failed, and its context is cancelled. Default: 1s.
	Timeout time.Duration
	// Failures is how many checks in a row the active side must fail before the other is
	// used, and how many that other one must have passed. Default: 2.
	Failures int
	// PromoteTimeout bounds a promotion. A side that could not be promoted is not
	// tried again before as long has passed. Default: 10s.
	PromoteTimeout time.Duration
	// SwitchBack says who switches back to the primary. Default: [Manual].
	SwitchBack SwitchBack
	// Probation is how long the primary must pass every check before it is switched back
	// to automatically. It doubles, up to 16 times, when a check fails on
	// probation and when the primary fails that soon after it was switched back to.
	// Default: 30s.
	Probation time.Duration
	// OnChange is told of each change, one at a time and in order, on a goroutine of its own. It may
	// panic or hang: of further changes 16 wait for it, and more are dropped and counted in
	// [Status.Untold]. Default: none.
	OnChange func(Change)
}

// SwitchBack says who switches back to the primary after a failover.
type SwitchBack int

const (
	// Manual leaves that to a person, who calls [Switch.Switch].
	Manual SwitchBack = iota
	// Auto switches back after [Config.Probation], unless the primary has missed writes as
	// far as is known. See [Side.Promote] and [Side.Epoch]. It is for
	// sides that keep the same data, or none.
	Auto
)

// steepest is how many times the configured probation the longest one takes.
const steepest = 16

func (c Config) withDefaults() (Config, error) {
	for _, d := range []struct {
		field    string
		value    *time.Duration
		standard time.Duration
	}{
		{"Interval", &c.Interval, 500 * time.Millisecond},
		{"Timeout", &c.Timeout, time.Second},
		{"PromoteTimeout", &c.PromoteTimeout, 10 * time.Second},
		{"Probation", &c.Probation, 30 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
		if *d.value < time.Millisecond || *d.value > 24*time.Hour {
			return c, &ConfigError{"Config." + d.field, *d.value, "give a time from 1ms to 24h"}
		}
	}
	if c.Failures == 0 {
		c.Failures = 2
	}
	if c.Failures < 1 || c.Failures > 1000 {
		return c, &ConfigError{"Config.Failures", c.Failures, "give a number from 1 to 1000"}
	}
	if c.SwitchBack != Manual && c.SwitchBack != Auto {
		return c, &ConfigError{"Config.SwitchBack", int(c.SwitchBack), "give standby.Manual or standby.Auto"}
	}
	return c, nil
}

// ConfigError says which setting cannot be used.
type ConfigError struct {
	Field string // Field is such as "Config.Failures".
	Value any    // Value is what it was.
	Mend  string // Mend is what to give instead.
}

// Error names the field and its value.
func (e *ConfigError) Error() string {
	if e == nil {
		return "<nil>"
	}
	return fmt.Sprintf("standby: %s: %v cannot be used", e.Field, e.Value)
}

// Hint returns the mend.
func (e *ConfigError) Hint() string {
	if e == nil {
		return ""
	}
	return e.Mend
}
