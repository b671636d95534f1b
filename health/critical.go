package health

import (
	"fmt"
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
			p.rt.ReportMisuse(name, fmt.Sprintf("the service has started, and no task of that name ever ran: when it has been missed for %v, Live fails; %s", p.cfg.Patience, text))
		}
	}
}
