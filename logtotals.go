package hale

import (
	"log/slog"

	"github.com/hale-go/hale/observe"
)

// LogTotal is how many log records a domain has written since the runtime was made.
type LogTotal struct {
	Domain observe.Domain `json:"domain"` // "" outside of any; "other" stands for those beyond 100
	// Levels counts by level: DEBUG and below, INFO, WARN, ERROR, FATAL and above. What
	// lies between two counts as the lower.
	Levels [len(LogTotalLevels)]uint64 `json:"levels"`
}

// LogTotalLevels are the levels of a [LogTotal], as labels of metrics have them.
var LogTotalLevels = [...]string{"debug", "info", "warn", "error", "fatal"}

// levelClass returns where a level is in [LogTotalLevels].
func levelClass(level int) int {
	return (min(max(level, int(slog.LevelDebug)), int(LevelFatal)) - int(slog.LevelDebug)) / 4
}

// LogTotals returns how many log records hale has seen since the runtime was made, by
// domain and level, sorted by domain, as of the last turn.
func (rt *Runtime) LogTotals() []LogTotal {
	if rt = rt.made(); rt == nil {
		return nil
	}
	var out []LogTotal
	for _, t := range rt.logs.counts.totals.all() {
		if n := len(out); n == 0 || out[n-1].Domain != t.name {
			out = append(out, LogTotal{Domain: t.name})
		}
		out[len(out)-1].Levels[t.class] = t.n
	}
	return out
}
