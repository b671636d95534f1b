package hale

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hale-go/hale/observe"
)

// LogLevels says from which level on records are written, and can be changed while
// they are: for all, for a domain and those within it, for a module. The zero value
// is INFO for all. All methods may be called from any goroutine; a change holds for
// the records that begin after it.
//
// Give it to [WithLevels], and to the handler below as its level, which then lets through
// what is wanted anywhere:
//
//	levels := new(hale.LogLevels)
//	json := slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: levels, ReplaceAttr: hale.NameLevel})
//	log := slog.New(hale.LogHandler(json, hale.WithLevels(levels)))
//	levels.SetDomain("orders", slog.LevelDebug)
//
// Levels that are given to no handler change nothing, and nobody can tell. That a
// handler below leaves out what they want is told once as misuse, by the runtime of the
// record; see [WithRuntime].
type LogLevels struct {
	mu    sync.Mutex
	table atomic.Pointer[levelTable] // replaced, never changed
	told  atomic.Bool                // that a handler lets less through
}

// levelTable is the levels at one moment.
type levelTable struct {
	all           slog.Level
	domains       map[observe.Domain]slog.Level
	modules       map[string]slog.Level
	lowest, above slog.Level // the least level of any, and the highest
}

// maxLevels bounds how many domains and modules have levels of their own.
const maxLevels = 1024

var infoTable levelTable // INFO is 0

func (l *LogLevels) load() *levelTable {
	if l != nil {
		if t := l.table.Load(); t != nil {
			return t
		}
	}
	return &infoTable
}

// Set sets the level of all that has none of its own.
func (l *LogLevels) Set(level slog.Level) { l.change(func(t *levelTable) { t.all = level }) }

// SetDomain sets the level of a domain and of those within it, unless these have one
// of their own. At most 1024 domains have one; further ones are left as they are.
func (l *LogLevels) SetDomain(d observe.Domain, level slog.Level) {
	l.change(func(t *levelTable) { set(t.domains, d, level) })
}

// SetModule sets the level of a module; see [WithModule]. It goes before that of the
// domain. At most 1024 modules have one.
func (l *LogLevels) SetModule(module string, level slog.Level) {
	l.change(func(t *levelTable) { set(t.modules, module, level) })
}

// UnsetDomain takes the level of a domain back.
func (l *LogLevels) UnsetDomain(d observe.Domain) {
	l.change(func(t *levelTable) { delete(t.domains, d) })
}

// UnsetModule takes the level of a module back.
func (l *LogLevels) UnsetModule(module string) {
	l.change(func(t *levelTable) { delete(t.modules, module) })
}

func set[K ~string](m map[K]slog.Level, key K, level slog.Level) {
	if _, known := m[key]; key != "" && (known || len(m) < maxLevels) {
		m[K(strings.Clone(string(key)))] = level
	}
}

func (l *LogLevels) change(f func(*levelTable)) {
	if l == nil { // it has INFO for everything
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.load()
	t := &levelTable{all: old.all, domains: map[observe.Domain]slog.Level{}, modules: map[string]slog.Level{}}
	maps.Copy(t.domains, old.domains)
	maps.Copy(t.modules, old.modules)
	f(t)
	t.lowest, t.above = t.all, t.all
	for _, level := range t.domains {
		t.lowest, t.above = min(t.lowest, level), max(t.above, level)
	}
	for _, level := range t.modules {
		t.lowest, t.above = min(t.lowest, level), max(t.above, level)
	}
	l.table.Store(t)
}

// Level implements [slog.Leveler]: it is the lowest level that any domain or module
// has.
func (l *LogLevels) Level() slog.Level { return l.load().lowest }

// Of returns the level of a domain and module, either of which may be "".
func (l *LogLevels) Of(d observe.Domain, module string) slog.Level { return l.load().of(d, module) }

func (t *levelTable) of(d observe.Domain, module string) slog.Level {
	if len(t.modules) > 0 && module != "" {
		if level, ok := t.modules[module]; ok {
			return level
		}
	}
	for ; d != "" && len(t.domains) > 0; d = d.Parent() {
		if level, ok := t.domains[d]; ok {
			return level
		}
	}
	return t.all
}

// Enabled reports whether a record of ctx at a level is to be written. Where the level
// alone decides that, it takes some 10 ns, else as much as looking up the context and
// its domain.
func (l *LogLevels) Enabled(ctx context.Context, level slog.Level) bool {
	t := l.load()
	if level < t.lowest || level >= t.above {
		return level >= t.above
	}
	v, _ := voiceOf(ctx)
	if v == nil {
		return level >= t.all
	}
	return level >= t.of(v.speaker.domain, v.speaker.module)
}

// MarshalJSON implements [json.Marshaler]: the names of the levels, by domain and
// module.
func (l *LogLevels) MarshalJSON() ([]byte, error) {
	t := l.load()
	out := struct {
		Level   string            `json:"level"`
		Domains map[string]string `json:"domains,omitempty"`
		Modules map[string]string `json:"modules,omitempty"`
	}{LogLevelName(t.all), names(t.domains), names(t.modules)}
	return json.Marshal(out)
}

func names[K ~string](m map[K]slog.Level) map[string]string {
	out := map[string]string{}
	for key, level := range m {
		out[string(key)] = LogLevelName(level)
	}
	return out
}
