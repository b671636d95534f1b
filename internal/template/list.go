package template

// Template is what lines of one kind have in common.
type Template struct {
	ID    ID
	Text  string // with <*> where there is a value
	Lines uint64 // how many lines it had, before and after merges
}

// otherText is the text of [Other].
const otherText = "<other>"

// Text returns the text of a template, with <*> where there is a value; of one
// that was merged, that of the template it is part of; "" for an ID that was
// never given. It takes a lock and allocates the text.
func (m *Miner) Text(id ID) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if int(id) >= len(m.forms) {
		return ""
	}
	return m.text(m.Current(id))
}

func (m *Miner) text(id ID) string {
	if id == Other {
		return otherText
	}
	return m.forms[id].String()
}

// Current returns the template that the lines of id belong to now: id itself
// unless it was merged. It takes no lock and allocates nothing.
func (m *Miner) Current(id ID) ID {
	if id >= MaxTemplates {
		return Other
	}
	return ID(m.into[id].Load())
}

// Templates returns all templates in the order of their IDs, [Other] first if
// it has lines. It takes a lock that new forms need, for some microseconds a
// hundred templates.
func (m *Miner) Templates() []Template {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := m.count()
	var out []Template
	for i := range m.forms {
		id := ID(i)
		if m.Current(id) != id || id == Other && lines[id] == 0 {
			continue
		}
		out = append(out, Template{ID: id, Text: m.text(id), Lines: lines[id]})
	}
	return out
}

// count returns the lines of each template, those of the merged ones included.
func (m *Miner) count() []uint64 {
	lines := make([]uint64, len(m.forms))
	for i := range m.forms {
		lines[m.Current(ID(i))] += m.lines[i].Load()
	}
	return lines
}

// Merges returns the merges since it was last called, in order, so that
// figures that a caller keeps by ID can follow; nil if there were none. There is
// one at most for each ID ever given.
func (m *Miner) Merges() []Merge {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.merges
	m.merges = nil
	return out
}
