package hale

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// maxSwitches bounds how many switches are degraded at once.
const maxSwitches = 1024

// switches are the degradation switches of a runtime: those that are not at 0.
type switches struct {
	rt     *Runtime
	mu     sync.Mutex                              // of who changes anything
	settle time.Duration                           // of those that come
	table  atomic.Pointer[map[string]*degradation] // replaced, never changed; nil: nothing is degraded
}

// degradation is one switch.
type degradation struct {
	hold
	name string
	told int // the level that the last event told of
}

// level returns that of a name and of those that it is nested in, the highest.
func (s *switches) level(name string) int {
	table := s.table.Load()
	if table == nil {
		return 0
	}
	most := 0
	for d := observe.Domain(name); d != ""; d = d.Parent() {
		if len(d) > maxName { // no switch is named so
			continue
		}
		if one := (*table)[string(d)]; one != nil {
			most = max(most, one.level())
		}
	}
	return most
}

// all returns the switches, sorted by name.
func (s *switches) all() []*degradation {
	table := s.table.Load()
	if table == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(*table), func(a, b *degradation) int { return strings.Compare(a.name, b.name) })
}

// replace changes the table.
func (s *switches) replace(change func(map[string]*degradation)) {
	next := map[string]*degradation{}
	if table := s.table.Load(); table != nil {
		maps.Copy(next, *table)
	}
	if change(next); len(next) == 0 {
		s.table.Store(nil)
		return
	}
	s.table.Store(&next)
}

func (s *switches) find(name string) *degradation {
	if table := s.table.Load(); table != nil {
		return (*table)[name]
	}
	return nil
}

func (s *switches) degrade(name string, level int, by string, lease time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.find(name)
	if one == nil {
		if table := s.table.Load(); table != nil && len(*table) >= maxSwitches {
			s.sweep()
		}
		if table := s.table.Load(); table != nil && len(*table) >= maxSwitches {
			return &ConfigError{Field: "Degrade name", Value: name, Err: fmt.Errorf("%d switches are degraded", maxSwitches), Mend: "restore what is over; a switch is for a part of the service, not for a user or a request"}
		}
		one = &degradation{name: strings.Clone(name)}
		one.wait.Store(int64(s.settle))
		s.replace(func(table map[string]*degradation) { table[one.name] = one })
	}
	s.tell(one, one.tend())
	if !one.ask(strings.Clone(by), level, lease) {
		return &ConfigError{Field: "Degrade by", Value: by, Err: fmt.Errorf("%d others ask for %s, all for as much", maxHolders, name), Mend: "restore what is over; use one name for one party"}
	}
	s.tell(one, one.tend())
	return nil
}

func (s *switches) restore(name, by string, atOnce bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.find(name)
	if one == nil {
		return false
	}
	s.tell(one, one.tend())
	found := one.release(by, atOnce)
	s.tell(one, one.tend())
	return found
}

// reconfigure has the settings ask for these levels, and no longer for others, and
// switches settle so from now on. They must have been checked.
func (s *switches) reconfigure(levels map[string]int, settle time.Duration) error {
	s.mu.Lock()
	changed := s.settle != settle
	s.settle = settle
	s.mu.Unlock()
	for _, one := range s.all() {
		if changed {
			one.resettle(settle)
		}
		if _, wanted := levels[one.name]; !wanted {
			s.restore(one.name, byConfig, false)
		}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		errs = append(errs, s.degrade(name, levels[name], byConfig, 0))
	}
	return errors.Join(errs...)
}

// releaseIncidents takes back what incidents ask for: nobody else would.
func (s *switches) releaseIncidents() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all() {
		one.releaseAll(func(by string) bool { return strings.HasPrefix(by, byIncident) })
	}
}

// sweep tells which switches fell, forgets those that are at 0, and returns the others
// as a sample has them.
func (s *switches) sweep() []observe.DegradedStat {
	var out []observe.DegradedStat
	var over []string
	for _, one := range s.all() {
		now := one.tend()
		if s.tell(one, now); now.level == 0 {
			over = append(over, one.name)
			continue
		}
		out = append(out, observe.DegradedStat{Name: one.name, Level: now.level})
	}
	if len(over) > 0 {
		s.replace(func(table map[string]*degradation) {
			for _, name := range over {
				delete(table, name)
			}
		})
	}
	return out
}

// sample is what a turn sees of the switches.
func (s *switches) sample() []observe.DegradedStat {
	if s.table.Load() == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sweep()
}

// tell emits an event if the level is another than was told.
func (s *switches) tell(one *degradation, now held) {
	was := one.told
	if now.level == was {
		return
	}
	one.told = now.level
	kind, detail := observe.EventRestored, fmt.Sprintf("level %d, was %d", now.level, was)
	if now.level > was {
		kind = observe.EventDegraded
	}
	switch asked := now.asked(); {
	case now.level > asked:
		detail += fmt.Sprintf(": on its way to %d", asked)
	case asked > 0:
		detail += ": by " + now.names(asked)
	}
	s.rt.emit(observe.Event{Kind: kind, Subject: observe.Subject{Name: one.name}, Detail: printable(detail, maxDetail)})
}

// names returns who asks for a level, at most three of them.
func (s *held) names(level int) string {
	const most = 3
	var names []string
	more := 0
	for _, h := range s.holders {
		switch {
		case h.level != level:
		case len(names) < most:
			names = append(names, h.by)
		default:
			more++
		}
	}
	out := strings.Join(names, ", ")
	if more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

func (s *switches) stats() []DegradationStat {
	out := []DegradationStat{} // a list in JSON, not null
	for _, one := range s.all() {
		now := one.now()
		if now.level == 0 {
			continue
		}
		st := DegradationStat{Name: one.name, Level: now.level, Asked: now.asked(), Since: now.since, Holders: []HolderStat{}, Dropped: one.dropped.Load()}
		if st.Asked < st.Level {
			st.Falls = now.kept.Add(one.settle())
		}
		for _, h := range now.holders {
			st.Holders = append(st.Holders, HolderStat{By: h.by, Level: h.level, Until: h.until})
		}
		out = append(out, st)
	}
	return out
}
