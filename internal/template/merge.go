package template

import "slices"

// How many different words at one place of otherwise equal lines make it the
// place of a value.
const (
	// manyWords of a sentence. Below seven the variants of a message that its
	// author wrote one by one are taken for one (start, stop, pause).
	manyWords = 8
	// manyNames of the kind that machines give, or in quotes, or where the place
	// was a value in one line already.
	manyNames = 3
)

// varies reports whether field at of f holds a value, on the evidence of the
// templates that differ from f there and nowhere else.
func (m *Miner) varies(f *form, at int, ids []ID) bool {
	if len(ids)+1 < manyNames {
		return false
	}
	if w := f.words(); w < 2 && (w == 0 || f.text(at) != "") {
		return false // nothing would be left of the message
	}
	values, names, switches := 0, 0, 0
	for i := range len(ids) + 1 {
		text := f.text(at)
		if i < len(ids) {
			text = m.forms[ids[i]].text(at)
		}
		switch {
		case text == "":
			values++
		case isName(text):
			names++
		case isSwitch(text):
			switches++
		}
	}
	n := len(ids) + 1
	switch {
	case switches == n:
		return false
	case values > 0, names == n, f.quoted(at):
		return true
	}
	return n >= manyWords
}

// merge makes one template of those in ids and f, with a value at field at.
func (m *Miner) merge(f form, at int, ids []ID, shape uint64) ID {
	into := ids[0]
	for _, id := range ids {
		f.generalize(at, &m.forms[id])
	}
	m.forms[into] = f
	for _, id := range m.shapes[shape] {
		if n, _ := f.differ(m.forms[id].fields); id != into && n == 0 {
			m.follow(id, into)
		}
	}
	m.shapes[shape] = slices.DeleteFunc(m.shapes[shape], func(id ID) bool { return m.into[id].Load() != uint32(id) })
	return into
}

// follow makes from a part of into.
func (m *Miner) follow(from, into ID) {
	for id := range m.forms {
		if m.into[id].Load() == uint32(from) {
			m.into[id].Store(uint32(into))
		}
	}
	m.forms[from] = form{}
	m.merges = append(m.merges, Merge{from, into})
}
