package health

import (
	"fmt"
	"strings"
)

// tellUnknown tells of critical names that no task ever had.
func (p *Probes) tellUnknown() {
	for _, name := range p.cfg.Critical {
		if known, like := p.rt.Known(name); !known {
			p.rt.ReportMisuse(name, fmt.Sprintf("the service has started, and no task of that name ever ran: when it has been missed for %v, Live fails; %s", p.cfg.Patience, mend(like)))
		}
	}
}

// missing says why a critical task is missed, with the mend where none of its name ever ran.
func (p *Probes) missing(name, why string) string {
	if known, like := p.rt.Known(name); !known {
		why += "; " + mend(like)
	}
	return why
}

// mend says what to do about a name that no task ever had; like are names that may be meant.
func mend(like []string) string {
	text := "correct it in health.Config.Critical, or start the task before Probes.Started"
	if len(like) > 0 {
		text += "; names like it: " + strings.Join(like, ", ")
	}
	return text
}
