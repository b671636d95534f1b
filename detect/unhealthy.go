package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// Unhealthy finds parts of the service that say of themselves that they are not well: a
// checkpoint that cannot be saved, a database that is served by its standby. Parts of one
// kind, by what their names begin with before a colon, are one finding: a full disk is one
// fault however many checkpoints are on it. It is suspected at once, and confirmed when a
// part has not been well for 10 s.
type Unhealthy struct{}

const (
	unhealthyFor  = 10 * time.Second // so long a part must be unwell for it to be confirmed
	unhealthyTold = 4                // parts of a kind that are told of one by one
)

// NewUnhealthy returns the detector. It keeps nothing from one turn to the next.
func NewUnhealthy() Unhealthy { return Unhealthy{} }

// Detect implements [Detector].
func (Unhealthy) Detect(t observe.Turn) []Finding {
	parts := slices.Clone(t.Sample.Unhealthy)
	slices.SortStableFunc(parts, func(a, b observe.UnhealthyStat) int { return a.Since.Compare(b.Since) })
	var out []Finding
	for _, p := range parts { // those that have been so for longest first
		kind, _, _ := strings.Cut(p.Name, ":")
		i := slices.IndexFunc(out, func(f Finding) bool { return f.Subject.Name == kind })
		if i < 0 {
			i = len(out)
			out = append(out, Finding{
				Kind: KindUnhealthy, Subject: observe.Subject{Name: kind}, Confidence: Suspected, Active: true,
				Unit: inParts, Since: p.Since, TimeToVisible: time.Second,
			})
		}
		f := &out[i]
		f.Level++
		unwell := t.Time.Sub(p.Since)
		if unwell >= unhealthyFor {
			f.Confidence = Confirmed
		}
		switch n := int(f.Level) - unhealthyTold; {
		case n <= 0:
			text := fmt.Sprintf("%.100s has not been well for %v, it says: ", p.Name, unwell.Round(time.Second))
			f.Evidence = append(f.Evidence, Evidence{Tasks, cutText(text + p.Error)})
		default:
			more := Evidence{Tasks, fmt.Sprintf("and %d more of %.100s", n, kind)}
			f.Evidence = append(f.Evidence[:unhealthyTold], more)
		}
	}
	return worst(out, maxFindings)
}
