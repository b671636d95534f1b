package template

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

// varies reports whether token at of f holds a value, on the evidence of the
// templates that differ from f there and nowhere else.
func (m *Miner) varies(f *form, at int, ids []ID) bool {
	if len(ids)+1 < manyNames {
		return false
	}
	if !f.others(at) {
		return false // nothing would be left of the message
	}
	values, names, switches := 0, 0, 0
	for i := range len(ids) + 1 {
		text := f.word(at)
		if i < len(ids) {
			text = m.forms[ids[i]].word(at)
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

// merge makes one template of those in ids and f, with a value at token at.
func (m *Miner) merge(f form, at int, ids []ID, shape uint64) ID {
	into := ids[0]
	for _, id := range ids {
		f.generalize(at, &m.forms[id])
	}
	f.next = m.forms[into].next
	m.forms[into] = f
	newer := Other // the one before in the list of the shape
	for id := m.shapes[shape]; id != Other; {
		next := m.forms[id].next
		if n, _ := f.differ(m.forms[id].tokens); n > 0 || id == into {
			newer = id
		} else {
			if newer == Other {
				m.shapes[shape] = next
			} else {
				m.forms[newer].next = next
			}
			m.follow(id, into)
		}
		id = next
	}
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
