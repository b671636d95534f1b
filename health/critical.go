package health

import (
	"errors"
	"slices"
	"strings"
)

// tellUnknown tells of critical names that no task ever had.
func (p *Probes) tellUnknown() {
	for _, name := range p.cfg.Critical {
		if known, like := p.rt.Known(name); !known {
			text := "correct it in health.Config.Critical, or start the task before Probes.Started"
			if len(like) > 0 {
				text += "; names like it: " + strings.Join(like, ", ")
			}
			p.rt.ReportMisuse(name, "the service has started, and no task of that name ever ran: it is not ready until one does; "+text)
		}
	}
}

// What keeps a service from being ready that has started without a critical task.
var (
	errNeverRan = errors.New("no task of that name ever ran: it is misspelt in health.Config.Critical, or was not started")
	errNotRun   = errors.New("it never ran: the supervisor that it was added to does not run")
)

// yetToCome reports whether it is no wonder that something is missing which has not been there:
// the service has not started, or no critical task of that name ever ran. A wrong name must not
// have the service killed again and again, and no restart mends it.
func (p *Probes) yetToCome(name string) bool {
	return !p.started.Load() || slices.Contains(p.cfg.Critical, name) && !p.rt.Ran(name)
}

// unstarted are checks for critical tasks that never ran, of a service that says it has started.
func (p *Probes) unstarted() (checks []Check) {
	if !p.started.Load() {
		return nil
	}
	for _, name := range p.cfg.Critical {
		var err error
		if !p.rt.Ran(name) {
			err = errNeverRan
			if known, _ := p.rt.Known(name); known {
				err = errNotRun
			}
		}
		p.rt.ReportHealth("critical:"+name, err) // a person is called: under a parent nobody may ask whether it is ready
		if err != nil {
			checks = append(checks, Check{Name: name, Failed: true, Reason: err.Error()})
		}
	}
	return checks
}
