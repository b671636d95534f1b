package template

import (
	"slices"
	"sync"
	"sync/atomic"
)

// ID names a template of one [Miner]. IDs count up from 1 and are never used
// again. [Other] is what lines become that found no room.
type ID uint16

// Other is the ID of all lines that came when there was no room for another
// template, or for another of the same shape.
const Other ID = 0

// MaxTemplates is how many IDs a [Miner] gives away at most, [Other] included.
const MaxTemplates = 4096

// maxShape is how many templates of one shape there may be: lines that are free
// text shall not use up what there is, and a new form is compared with so many
// at most, which takes some microseconds.
const maxShape = 256

// Merge says that lines of template From now belong to Into.
type Merge struct{ From, Into ID }

// Miner sorts lines by template. The zero value is not usable; call [New]. All
// methods are safe for concurrent use.
type Miner struct {
	known cache
	into  [MaxTemplates]atomic.Uint32 // the template that an ID belongs to now
	lines [MaxTemplates]atomic.Uint64 // of each ID as it was then

	mu     sync.Mutex
	forms  []form        // by ID; those that were merged into another are empty
	shapes map[uint64]ID // the newest of each shape
	merges []Merge
	near   []sibling // of the form that is looked at
}

// New returns a miner that knows no template. It takes 80 KB, and a few
// hundred bytes for each template.
func New() *Miner {
	return &Miner{forms: make([]form, 1), shapes: map[uint64]ID{}}
}

// Match returns the template of a line and counts the line. A line whose form
// was seen before costs one pass over its bytes, no lock and no allocation; a
// new form takes a lock, and is compared with the templates of the same shape.
// Only the first 4096 bytes and 64 tokens of a line matter.
func (m *Miner) Match(line string) ID {
	var s scan
	s.read(line)
	h := s.hash()
	id := m.known.get(h)
	if id == Other {
		id = m.learn(&s, line, h)
	}
	id = ID(m.into[id].Load())
	m.lines[id].Add(1)
	return id
}

// learn finds the template of a form that is not at hand.
func (m *Miner) learn(s *scan, line string, h uint64) ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id := m.known.get(h); id != Other {
		return id // another goroutine was faster
	}
	id := m.place(s, line)
	if id != Other {
		m.known.put(h, id)
	}
	return id
}

// sibling is a template that a form differs from in one token.
type sibling struct {
	at int
	id ID
}

// place returns the template that covers the line, which may be a new one.
func (m *Miner) place(s *scan, line string) ID {
	tokens := s.tokens[:s.n]
	shape := shapeOf(tokens)
	m.near = m.near[:0]
	found, alike := Other, 0
	for id := m.shapes[shape]; id != Other; id = m.forms[id].next {
		alike++
		switch n, at := m.forms[id].differ(tokens); n {
		case 0:
			found = id // the oldest of them
		case 1:
			m.near = append(m.near, sibling{at, id})
		}
	}
	if found != Other {
		return found
	}
	f := newForm(s, line)
	if len(m.near)+1 >= manyNames {
		for at := range f.tokens {
			if ids := m.siblings(at); m.varies(&f, at, ids) {
				return m.merge(f, at, ids, shape)
			}
		}
	}
	if len(m.forms) == MaxTemplates || alike >= maxShape {
		return Other
	}
	m.add(f, ID(len(m.forms)), shape)
	return ID(len(m.forms) - 1)
}

// add makes f the template id, which is the highest so far.
func (m *Miner) add(f form, id ID, shape uint64) {
	f.next = m.shapes[shape]
	m.shapes[shape] = id
	m.into[id].Store(uint32(id))
	m.forms = append(m.forms, f)
}

// siblings returns the near templates that differ at a token, the oldest first.
func (m *Miner) siblings(at int) (ids []ID) {
	for _, s := range m.near {
		if s.at == at {
			ids = append(ids, s.id)
		}
	}
	slices.Reverse(ids)
	return ids
}
