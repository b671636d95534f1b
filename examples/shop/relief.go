package main

import (
	"fmt"
	"time"
)

// What keeps a fault in one domain from being felt: requests that matter little get
// less, those that matter and those of other domains go on as before.

// shed judges who was answered with less: only requests of the scenario's route, and
// some of those.
func (v *verdict) shed(r record, c course) {
	if c.Shed == "" {
		return
	}
	n, strays := 0, 0
	for _, s := range r.Load.Lesser {
		if s.Route == c.Shed && c.during(failure{Began: s.Began, Ended: s.Ended}) {
			n++
		} else {
			strays++
		}
	}
	if n == 0 {
		v.problem("%s: no request of %s was turned away", c.Fault, c.Shed)
	}
	if strays > 0 {
		v.problem("%s: %d requests were answered with less where there was no reason", c.Fault, strays)
	}
	from, to := c.Steps[stepBegun], c.Steps[stepLifted]
	v.note("%s: %d of the load's %s were answered with less, and no other request.", c.Fault, n, c.Shed)
	for _, route := range c.Spared { // had one failed, it would be a request that nothing hurt
		rate, median := r.Load.pace(route, from, to)
		v.note("%s, of the same domain: %.1f a second, median %s.", route, rate, short(median))
	}
}

// calm judges whether another domain felt it.
func (v *verdict) calm(r record, c course) {
	if c.Calm == "" {
		return
	}
	begun, lifted := c.Steps[stepBegun], c.Steps[stepLifted]
	before, usual := r.Load.pace(c.Calm, r.Start, begun)
	during, median := r.Load.pace(c.Calm, begun, lifted)
	v.note("%s, of another domain: %.1f a second, median %s; before it %.1f, %s.", c.Calm, during, short(median), before, short(usual))
	switch {
	case before == 0 || during == 0:
		v.problem("%s: nobody measured how %s fared", c.Fault, c.Calm)
	case during < before/2, median > 5*usual+100*time.Millisecond:
		v.problem("%s: %s felt it: %.1f a second with a median of %v, before it %.1f and %v", c.Fault, c.Calm, during, median, before, usual)
	}
}

func (v *verdict) note(format string, args ...any) {
	v.Notes = append(v.Notes, fmt.Sprintf(format, args...))
}

func short(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
