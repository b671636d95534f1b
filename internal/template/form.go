package template

import "strings"

// form is what is known of a template: the tokens of its lines, with their text
// in one string.
type form struct {
	tokens []token
	text   string
	next   ID // of the same shape, older
}

// newForm copies what the scan of a line found. Values are not kept.
func newForm(s *scan, line string) form {
	size := 0
	for i := range s.tokens[:s.n] {
		size += int(s.tokens[i].end - s.tokens[i].start)
	}
	var text strings.Builder
	text.Grow(size)
	f := form{tokens: append([]token(nil), s.tokens[:s.n]...)}
	for i := range f.tokens {
		t := &f.tokens[i]
		start := text.Len()
		text.WriteString(line[t.start:t.end])
		t.start, t.end = uint16(start), uint16(text.Len())
	}
	f.text = text.String()
	return f
}

// word returns the text of token i, "" where there is a value.
func (f *form) word(i int) string { return f.text[f.tokens[i].start:f.tokens[i].end] }

// String returns the text, with <*> where there is a value.
func (f *form) String() string {
	var b strings.Builder
	for i, t := range f.tokens {
		if t.space && i > 0 {
			b.WriteByte(' ')
		}
		if t.kind == wild {
			b.WriteString("<*>")
		} else {
			b.WriteString(f.word(i))
		}
	}
	return b.String()
}

// differ returns how many tokens of a line or another template f does not
// cover, two at most, and the last of them. Both have the same shape, or at least
// its hash.
func (f *form) differ(other []token) (n, at int) {
	if len(other) != len(f.tokens) {
		return 2, 0
	}
	for i := range f.tokens {
		if h := f.tokens[i].hash; h != other[i].hash && h != wildHash {
			if n++; n == 2 {
				return n, i
			}
			at = i
		}
	}
	return n, at
}

// generalize puts a value at token i, and where other has one.
func (f *form) generalize(i int, other *form) {
	for k := range f.tokens {
		if k == i || other.tokens[k].kind == wild {
			f.tokens[k] = token{hash: wildHash, kind: wild, space: f.tokens[k].space}
		}
	}
}

// others reports whether a word would be left if there were a value at token i.
func (f *form) others(i int) bool {
	for k := range f.tokens {
		if k != i && f.tokens[k].kind == word {
			return true
		}
	}
	return false
}

// quoted reports whether token i is all that is between two quotes.
func (f *form) quoted(i int) bool {
	if i == 0 || i+1 >= len(f.tokens) {
		return false
	}
	before, after := f.word(i-1), f.word(i+1)
	return before == after && (before == `"` || before == "'")
}
