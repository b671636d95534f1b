package health

import (
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

// yetToCome reports whether it is no wonder that something is missing which has not been there:
// the service has not started, or no critical task of that name ever ran. A wrong name must not
// have the service killed again and again, and no restart mends it.
func (p *Probes) yetToCome(name string) bool {
	return !p.started.Load() || slices.Contains(p.cfg.Critical, name) && !p.ran(name)
}

func (p *Probes) ran(name string) bool {
	known, _ := p.rt.Known(name)
	return known
}

// unknown are checks for critical names that no task ever had: the service has not started.
func (p *Probes) unknown() (checks []Check) {
	if !p.started.Load() {
		return nil
	}
	for _, name := range p.cfg.Critical {
		if !p.ran(name) {
			checks = append(checks, Check{Name: "task " + name, Failed: true, Reason: "no task of that name ever ran: it is misspelt in health.Config.Critical, or was not started"})
		}
	}
	return checks
}
