package hale

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

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

// maxTotalDomains bounds how many domains a total tells apart.
const maxTotalDomains = 100

// logTotals adds up what turns saw, for readers on any goroutine.
type logTotals struct {
	mu sync.Mutex
	of map[observe.Domain]*LogTotal
}

// add counts the records of a turn.
func (t *logTotals) add(all []observe.LogStat) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range all {
		domain := all[i].Domain
		at := t.of[domain]
		if at == nil && len(t.of) >= maxTotalDomains {
			domain = "other"
			at = t.of[domain]
		}
		if at == nil {
			if t.of == nil {
				t.of = map[observe.Domain]*LogTotal{}
			}
			domain = observe.Domain(strings.Clone(string(domain)))
			at = &LogTotal{Domain: domain}
			t.of[domain] = at
		}
		level := min(max(all[i].Level, int(slog.LevelDebug)), int(LevelFatal))
		at.Levels[(level-int(slog.LevelDebug))/4] += all[i].Count
	}
}

// LogTotals returns how many log records hale has seen since the runtime was made, by
// domain and level, sorted by domain, as of the last turn.
func (rt *Runtime) LogTotals() []LogTotal {
	if rt = rt.made(); rt == nil {
		return nil
	}
	t := &rt.logs.counts.totals
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]LogTotal, 0, len(t.of))
	for _, domain := range slices.Sorted(maps.Keys(t.of)) {
		out = append(out, *t.of[domain])
	}
	return out
}
