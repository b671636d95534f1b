package health

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// Config says what the probes look at. The zero value is of use: Live then says that
// goroutines are run.
type Config struct {
	// Critical are the names of tasks that must run and beat for the service to live, such
	// as "orders.consume": as they are given to [hale.Go], and none of a pool, a call, a domain
	// or a supervisor, nor of what [hale.Do] alone does. One that never ran keeps the service from being ready; one that has run
	// and is gone, or does not beat, fails Live. Default: none.
	Critical []string
	// Loopback is a URL of the service's own that must be answered, with any status below
	// 500, for it to live: "http://127.0.0.1:8080/ping". Default: none.
	Loopback string
	// Patience is for how long a critical task or the loopback may fail before Live does.
	// It should leave time for a supervisor to restart the task. Default: 10s.
	Patience time.Duration
	// Timeout is how long one look may take. Default: 1s.
	Timeout time.Duration

	// Saturated are fault domains for which the service is not ready when their bulkheads
	// have been full for Saturation. Where all instances are saturated at once none
	// is ready: name only domains of which others have room. Default: none.
	Saturated []observe.Domain
	// Saturation is for how long a bulkhead must be full. Default: 5s.
	Saturation time.Duration
	// Degraded has the service be not ready while a switch is at this level or above, by
	// its name; see [hale.Degraded]. Default: none.
	Degraded map[string]int
	// Checks are the service's own for Ready, by name. They are called at once, each on a
	// goroutine of its own, with the Timeout, and not again before it has come back: those
	// who ask meanwhile share its answer. Default: none.
	Checks map[string]func(context.Context) error
}

func (c Config) withDefaults() (Config, error) {
	for _, d := range []struct {
		field  string
		value  *time.Duration
		normal time.Duration
	}{{"Patience", &c.Patience, 10 * time.Second}, {"Timeout", &c.Timeout, time.Second}, {"Saturation", &c.Saturation, 5 * time.Second}} {
		switch {
		case *d.value == 0:
			*d.value = d.normal
		case *d.value < 0 || *d.value > 24*time.Hour:
			return c, &hale.ConfigError{Field: "health.Config." + d.field, Value: *d.value, Mend: "give a duration up to 24h, or 0 for the default"}
		}
	}
	for i, name := range c.Critical {
		if name == "" || name == loopback || slices.Contains(c.Critical[:i], name) {
			return c, &hale.ConfigError{Field: fmt.Sprintf("health.Config.Critical[%d]", i), Value: name, Mend: "give the name of a task, each once, and none that is called " + loopback}
		}
	}
	if c.Loopback != "" {
		if u, err := url.Parse(c.Loopback); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return c, &hale.ConfigError{Field: "health.Config.Loopback", Value: c.Loopback, Err: err, Mend: "give a URL such as http://127.0.0.1:8080/ping"}
		}
	}
	for name, level := range c.Degraded {
		if level < 1 || level > 9 {
			return c, &hale.ConfigError{Field: "health.Config.Degraded[" + name + "]", Value: level, Mend: "give a level from 1 to 9"}
		}
	}
	for name, check := range c.Checks {
		if check == nil {
			return c, &hale.ConfigError{Field: "health.Config.Checks[" + name + "]", Value: nil, Mend: "give a function"}
		}
	}
	return c, nil
}
