package detect

import (
	"fmt"
	"time"

	"github.com/hale-go/hale/observe"
)

// LostConfig says how many goroutines may be lost: leaked, or given up and still running.
// Nobody can end them but with the process.
type LostConfig struct {
	// Goroutines is how many of them are too many. Default: 1000.
	Goroutines int `json:"goroutines" yaml:"goroutines"`
}

// WithDefaults returns the settings with every zero field set.
func (c LostConfig) WithDefaults() LostConfig {
	if c.Goroutines <= 0 {
		c.Goroutines = 1000
	}
	return c
}

// LostGoroutines is the subject of a finding about all lost goroutines of the process.
const LostGoroutines = "process.goroutines"

// lostVisible is how long a remedy is given: a successor has to start and get ready.
const lostVisible = 2 * time.Minute

// Lost adds up what a turn's findings and sample say of goroutines that nobody can end,
// and finds that there are too many: those of confirmed leaks, also when they grow no
// more, and abandoned bodies. since is when there first were; the zero time if there were
// not in the turn before.
func (c LostConfig) Lost(t observe.Turn, findings []Finding, since time.Time) (Finding, bool) {
	leaked, abandoned := 0.0, int64(0)
	for i := range findings {
		if f := &findings[i]; f.Kind == KindLeak && f.Confidence == Confirmed && f.Unit == inGoroutines {
			leaked += f.Level
		}
	}
	for i := range t.Sample.Tasks {
		abandoned += max(t.Sample.Tasks[i].Abandoned, 0)
	}
	total := leaked + float64(abandoned)
	if total < float64(c.Goroutines) {
		return Finding{}, false
	}
	if since.IsZero() {
		since = t.Time
	}
	f := Finding{
		Kind: KindLost, Subject: observe.Subject{Name: LostGoroutines}, Confidence: Confirmed,
		Active: true, Level: total, Unit: inGoroutines, Since: since, TimeToVisible: lostVisible,
	}
	if abandoned > 0 {
		f.Evidence = append(f.Evidence, Evidence{Tasks, fmt.Sprintf("%d bodies were given up and still run", abandoned)})
	}
	if leaked > 0 {
		f.Evidence = append(f.Evidence, Evidence{Profiles, fmt.Sprintf("%.0f goroutines are leaked", leaked)})
	}
	f.Evidence = append(f.Evidence, Evidence{Metrics, fmt.Sprintf("%.0f goroutines cannot be ended but with the process; %d may be", total, c.Goroutines)})
	return f, true
}
