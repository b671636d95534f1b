package hale

import (
	"cmp"
	"hash/maphash"
	"log/slog"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hale-go/hale/internal/template"
	"github.com/hale-go/hale/observe"
)

// Bounds on the forms of records.
const (
	maxForms    = 4096 // forms by level and name that are counted apart
	maxForm     = 200  // bytes of a form
	maxLogStats = 256  // forms in a sample
	idleForms   = 600  // turns after which a form that is silent makes room, when it is wanted
	nearSlots   = 4096
	otherForm   = "other"
)

// logCounts counts records by form, level and name. Records whose text was seen twice
// are found by its hash and counted with two atomic operations; what is always
// different is masked and looked up each time, under a lock.
type logCounts struct {
	near  [nearSlots]atomic.Pointer[nearCount] // by hash, in pairs
	heard [1024]atomic.Uint64                  // hashes of texts that came once

	patterns atomic.Pointer[[]logPattern]
	forms    *template.Miner
	mu       sync.Mutex
	known    map[countKey]*logCount
	unseen   uint64
	totals   totals[observe.Domain] // by level
}

// nearCount is where the records of one text are counted. The hash, whose seed nobody
// outside knows, stands for the text.
type nearCount struct {
	hash  uint64
	count *logCount
}

// countKey is by what records are told apart.
type countKey struct {
	form        template.ID // as it was; others may have become one with it
	stack, name string
	domain      observe.Domain
	level       slog.Level
	patterns    string // of "other", which stands for many
}

// logCount counts records of one form.
type logCount struct {
	n        atomic.Uint64
	patterns []string
	looked   *[]logPattern // what its text was matched with

	text string      // of the form, as of the last sample that told of it
	of   template.ID // what the text is of
	last uint64      // as of the last sample; with idle the sampler's own
	idle int
}

// mix folds x into the hash h.
func mix(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^x, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// add counts a record.
func (c *logCounts) add(who *speaker, l *logLine) {
	h := maphash.String(seed, l.message)
	if l.err != "" {
		h = mix(h, maphash.String(seed, l.err))
	}
	if l.stack != "" {
		h = mix(h, maphash.String(seed, l.stack)^1)
	}
	h = mix(h, uint64(l.level)) //nolint:gosec // any bits will do
	if who != nil {
		h = mix(h, who.hash)
	}
	pair := h % nearSlots &^ 1
	for i := pair; i <= pair+1; i++ {
		if at := c.near[i].Load(); at != nil && at.hash == h {
			at.count.n.Add(1)
			return
		}
	}
	text := l.message
	if l.stack != "" {
		text, _, _ = strings.Cut(strings.TrimLeft(text, "\n"), "\n")
	}
	if l.err != "" && !strings.Contains(text, l.err) {
		said, _, _ := strings.Cut(l.err, "\n")
		text += ": " + said
	}
	key := countKey{form: c.forms.Match(text), stack: l.stack, level: l.level}
	if key.form == template.Other { // which stands for many: it is matched each time
		key.patterns = strings.Join(matching(*c.patterns.Load(), key.level, text), "\n")
	}
	if who != nil {
		key.name, key.domain = who.name(), who.domain
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	count := c.at(key, text)
	count.n.Add(1)
	if c.heard[h%uint64(len(c.heard))].Swap(h) == h { // under the lock, so that nothing gone is put there
		c.near[pair+1].Store(c.near[pair].Load())
		c.near[pair].Store(&nearCount{h, count})
	}
}

// lookFor changes what records are looked through for. The next record of each form is
// matched anew.
func (c *logCounts) lookFor(patterns []logPattern) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.patterns.Store(&patterns)
	c.forget()
}

// forget has each text looked up again. c.mu is held.
func (c *logCounts) forget() {
	for i := range c.near {
		c.near[i].Store(nil)
	}
}

// at returns the count of a form, of which text is an example. c.mu is held.
func (c *logCounts) at(key countKey, text string) *logCount {
	patterns := c.patterns.Load()
	if count := c.known[key]; count != nil && count.looked == patterns {
		return count
	} else if count != nil {
		count.patterns, count.looked = matching(*patterns, key.level, text), patterns
		return count
	}
	names := matching(*patterns, key.level, text)
	if len(c.known) >= maxForms {
		c.unseen++
		level := min(max(key.level, slog.LevelDebug), LevelFatal) / 4 * 4 // one of five
		key = countKey{form: template.Other, level: level, patterns: strings.Join(names, "\n"), domain: key.domain}
		if len(c.known) >= 2*maxForms { // as many domains, and ways to match patterns
			key.patterns, names, key.domain = "", nil, ""
		}
		if count := c.known[key]; count != nil {
			return count
		}
	}
	count := &logCount{patterns: names, looked: patterns}
	key.stack, key.name = strings.Clone(key.stack), strings.Clone(key.name)
	c.known[key] = count
	return count
}

// sample returns what was counted since the last call, and how many records of forms
// that are not among it.
func (c *logCounts) sample() (out []observe.LogStat, unseen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	unseen, c.unseen = c.unseen, 0
	crowded, gone := len(c.known) > maxForms*3/4, false
	for key, count := range c.known {
		n := count.n.Load()
		if n == count.last {
			if count.idle++; crowded && count.idle > idleForms {
				delete(c.known, key)
				gone = true
			}
			continue
		}
		out = append(out, observe.LogStat{
			Form: c.formOf(key.form, count), Level: int(key.level), Name: key.name, Domain: key.domain,
			Count: n - count.last, Patterns: count.patterns, Stack: key.stack,
		})
		count.last, count.idle = n, 0
	}
	if gone {
		c.forget()
	}
	out = merged(out)
	for i := range out { // before the rare ones are left out
		c.totals.add(out[i].Domain, levelClass(out[i].Level), out[i].Count)
	}
	slices.SortFunc(out, func(a, b observe.LogStat) int { return cmp.Or(cmp.Compare(b.Count, a.Count), compareLogStats(a, b)) })
	for _, st := range out[min(len(out), maxLogStats):] {
		unseen += st.Count
	}
	out = slices.Clip(out[:min(len(out), maxLogStats)])
	slices.SortFunc(out, compareLogStats)
	return out, unseen
}

// formOf returns the text of a form, of that which it has become one with.
func (c *logCounts) formOf(id template.ID, count *logCount) string {
	if id = c.forms.Current(id); id == template.Other {
		return otherForm
	}
	if count.text == "" || count.of != id {
		count.text, count.of = printable(c.forms.Text(id), maxForm), id
	}
	return count.text
}

// merged sums what is of one form by now.
func merged(all []observe.LogStat) []observe.LogStat {
	slices.SortFunc(all, compareLogStats)
	out := all[:0]
	for _, st := range all {
		if n := len(out); n > 0 && compareLogStats(out[n-1], st) == 0 {
			out[n-1].Count += st.Count
			continue
		}
		out = append(out, st)
	}
	return out
}

func compareLogStats(a, b observe.LogStat) int {
	return cmp.Or(
		strings.Compare(a.Form, b.Form), cmp.Compare(a.Level, b.Level), strings.Compare(a.Name, b.Name),
		strings.Compare(string(a.Domain), string(b.Domain)), strings.Compare(a.Stack, b.Stack), slices.Compare(a.Patterns, b.Patterns),
	)
}
