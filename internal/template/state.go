package template

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// stateVersion is the form of the state that this code writes and reads.
const stateVersion = 1

// state is what outlives the process.
type state struct {
	Version   int             `json:"version"`
	Next      int             `json:"next"`            // the first ID that was never given
	Other     uint64          `json:"other,omitempty"` // lines that found no room
	Templates []templateState `json:"templates,omitempty"`
}

// templateState is a template: its parts are a letter and a text each, behind a
// blank where the line has one. The letters are w for a word, s for a sign, and
// v for a value, which has no text.
type templateState struct {
	ID    ID       `json:"id"`
	Lines uint64   `json:"lines"`
	Parts []string `json:"parts,omitempty"`
}

// StateError says why a state was refused.
type StateError struct {
	Place   string // Place is where in the state, such as "templates[3].parts[0]"; "" for the whole.
	Problem string
	Err     error // Err is the cause, or nil.
}

// Error implements error.
func (e *StateError) Error() string {
	s := "template: state"
	if e.Place != "" {
		s += ": " + e.Place
	}
	return s + ": " + e.Problem
}

// Unwrap returns the cause.
func (e *StateError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *StateError) Hint() string {
	return "use a state that Miner.State wrote, or start without one: templates are learned again from the lines"
}

// State returns what was learned as JSON, for [Miner.SetState] of another
// process: all templates with their IDs and counts. Values are not in it, but
// words that were not seen to be values are.
func (m *Miner) State() (json.RawMessage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := m.count()
	s := state{Version: stateVersion, Next: len(m.forms), Other: lines[Other]}
	for i := 1; i < len(m.forms); i++ {
		if m.Current(ID(i)) != ID(i) {
			continue
		}
		t := templateState{ID: ID(i), Lines: lines[i]}
		t.Parts = m.forms[i].encode()
		s.Templates = append(s.Templates, t)
	}
	return json.Marshal(s)
}

// SetState makes the miner know what another knew when [Miner.State] was
// called, and nothing else. Call it before the first line: what was matched
// before is forgotten. A state that is damaged or of another version gives a
// [*StateError] and changes nothing.
func (m *Miner) SetState(raw json.RawMessage) error {
	var s state
	if err := json.Unmarshal(raw, &s); err != nil {
		return &StateError{Problem: err.Error(), Err: err}
	}
	forms, err := s.forms()
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known.clear()
	m.forms, m.shapes, m.merges = make([]form, 1, s.Next), map[uint64]ID{}, nil
	for i := range m.into {
		m.into[i].Store(0)
		m.lines[i].Store(0)
	}
	m.lines[Other].Store(s.Other)
	for i, t := range s.Templates {
		m.forms = m.forms[:t.ID]
		m.add(forms[i], t.ID, shapeOf(forms[i].tokens))
		m.lines[t.ID].Store(t.Lines)
	}
	m.forms = m.forms[:s.Next]
	return nil
}

// forms returns the templates, if the state is sound.
func (s *state) forms() ([]form, error) {
	switch {
	case s.Version != stateVersion:
		return nil, &StateError{Place: "version", Problem: fmt.Sprintf("is %d, want %d", s.Version, stateVersion)}
	case s.Next < 1 || s.Next > MaxTemplates:
		return nil, &StateError{Place: "next", Problem: fmt.Sprintf("is %d, want 1 to %d", s.Next, MaxTemplates)}
	}
	var forms []form
	seen := map[string]bool{}
	last := Other
	for i, t := range s.Templates {
		place := fmt.Sprintf("templates[%d]", i)
		if t.ID <= last || int(t.ID) >= s.Next {
			return nil, &StateError{Place: place + ".id", Problem: fmt.Sprintf("is %d, want more than %d and less than %d", t.ID, last, s.Next)}
		}
		last = t.ID
		if key := strings.Join(t.Parts, "\x00"); seen[key] {
			return nil, &StateError{Place: place, Problem: "is there twice"}
		} else {
			seen[key] = true
		}
		f, err := decode(t.Parts, place)
		if err != nil {
			return nil, err
		}
		forms = append(forms, f)
	}
	return forms, nil
}

// decode makes a form of encoded parts.
func decode(parts []string, place string) (f form, err error) {
	if len(parts) > maxTokens {
		return f, &StateError{Place: place + ".parts", Problem: fmt.Sprintf("has %d parts, want at most %d", len(parts), maxTokens)}
	}
	var text strings.Builder
	for i, p := range parts {
		t, word, ok := decodePart(p)
		if !ok || text.Len()+len(word) > maxBytes {
			return f, &StateError{Place: fmt.Sprintf("%s.parts[%d]", place, i), Problem: fmt.Sprintf("%.40q is no part of a template", p)}
		}
		t.start = uint16(text.Len())
		text.WriteString(word)
		t.end = uint16(text.Len())
		f.tokens = append(f.tokens, t)
	}
	f.text = text.String()
	return f, nil
}

// letters of the kinds in the state.
const letters = "wvs"

// encode returns the parts of a template.
func (f *form) encode() []string {
	parts := make([]string, len(f.tokens))
	for i, t := range f.tokens {
		parts[i] = letters[t.kind:][:1] + f.word(i)
		if t.space {
			parts[i] = " " + parts[i]
		}
	}
	return parts
}

func decodePart(s string) (t token, text string, ok bool) {
	s, t.space = strings.CutPrefix(s, " ")
	if s == "" {
		return t, "", false
	}
	k := strings.IndexByte(letters, s[0])
	if k < 0 {
		return t, "", false
	}
	t.kind, text = kind(k), s[1:]
	switch t.kind {
	case word:
		t.hash = hashOf(text, 0, len(text))
	case wild:
		t.hash = wildHash
	case sign:
		t.hash = signHash(text, 0, len(text))
	}
	return t, text, (t.kind == wild) == (text == "") && utf8.ValidString(text)
}
