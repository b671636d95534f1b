package template

import "strings"

// Bounds on what is looked at of a line; the rest is as if it were not there.
const (
	maxBytes  = 4096
	maxTokens = 64
)

// kind is what a token is.
type kind uint8

const (
	word kind = iota // text that may differ from line to line
	wild             // a value
	sign             // punctuation, the same in all lines of a template
)

// token is a piece of a line's form.
type token struct {
	hash       uint64 // of the text; of a value always the same
	start, end uint16 // the text in the line; of a value nothing
	kind       kind
	space      bool // blanks before it
}

// value is what no sign begins with, since it is a blank.
const value byte = 1

// scan is the form of a line: its text with the values taken out.
type scan struct {
	n      int
	last   byte // the first byte of the last token if that is a sign, [value] if it is one, or 0
	tokens [maxTokens]token
}

// read finds the form of a line in one pass. It allocates nothing.
func (s *scan) read(line string) {
	cut := len(line) > maxBytes
	if cut {
		line = line[:maxBytes]
	}
	space := false
	for i := 0; i < len(line) && s.n < maxTokens; {
		c := classes[line[i]]
		if c&(blank|mark) != 0 {
			if c == blank {
				space = true
				i++
				continue
			}
			if end := s.quoted(line, i); end > 0 {
				s.wild(line, space)
				i = end
			} else {
				s.sign(line, i, i+1, space)
				i++
			}
			space = false
			continue
		}
		end := i + 1
		for ; end < len(line); end++ {
			b := classes[line[end]]
			if b&(blank|mark) != 0 {
				break
			}
			c |= b
		}
		switch {
		case cut && end == len(line): // only half of a word
		case c&(special|notHex|digit) == notHex && s.last != '=': // as most words are
			s.text(line, i, end, space)
		case c&special == 0 && c&digit != 0:
			s.wild(line, space)
		case end < len(line) && line[end] == '?' && c&slash != 0:
			end = endOfQuery(line, end)
			s.wild(line, space)
		default:
			s.field(line, i, end, c, space)
		}
		i = end
		if space = i < len(line) && line[i] == ' '; space {
			i++
		}
	}
}

// quoted returns the end of the quoted value that begins at i, behind an equals
// sign, or 0.
func (s *scan) quoted(line string, i int) int {
	if s.last != '=' || line[i] != '"' && line[i] != '\'' {
		return 0
	}
	n := strings.IndexByte(line[i+1:], line[i])
	if n < 0 {
		return 0
	}
	return i + n + 2
}

// endOfQuery returns where the query of a URL ends that begins at i.
func endOfQuery(line string, i int) int {
	for ; i < len(line); i++ {
		if classes[line[i]] == blank || strings.IndexByte(`"'<>(){}`, line[i]) >= 0 {
			break
		}
	}
	return i
}

// field adds the word line[i:end] and the punctuation that ends it.
func (s *scan) field(line string, i, end int, c class, space bool) {
	tail := end
	for tail > i && classes[line[tail-1]]&ending != 0 {
		tail--
	}
	if tail > i {
		s.word(line, i, tail, c, space)
		space = false
	}
	if tail < end {
		s.sign(line, tail, end, space)
	}
}

// word adds the word line[i:end] with all that it consists of: keys behind one
// another, and what is left.
func (s *scan) word(line string, i, end int, c class, space bool) {
	for c&colon != 0 && s.n < maxTokens {
		k, key := i, class(0)
		for ; k < end && line[k] != ':'; k++ {
			key |= classes[line[k]]
		}
		if key&digit != 0 || k == i || k >= end-1 {
			break
		}
		if isEndpoint(line[i:k], line[k+1:end]) {
			s.wild(line, space)
			return
		}
		if !isKey(line[i:k], line[k+1:end]) {
			break
		}
		s.atom(line, i, k, key, space)
		s.sign(line, k, k+1, false)
		i, c, space = k+1, classOf(line[k+1:end]), false
	}
	s.atom(line, i, end, c, space)
}

// atom adds the word line[i:end], which is a value or text.
func (s *scan) atom(line string, i, end int, c class, space bool) {
	if word := line[i:end]; isValue(word, c) || s.last == '=' && s.keyed() && !isSwitch(word) {
		s.wild(line, space)
	} else {
		s.text(line, i, end, space)
	}
}

// keyed reports whether the equals sign before has a key: key=value.
func (s *scan) keyed() bool { return s.n > 1 && s.tokens[s.n-2].kind != sign }

// text adds a word that is no value. A unit is part of the value before it.
func (s *scan) text(line string, i, end int, space bool) {
	if s.last == value && isUnit(line[i:end]) {
		return
	}
	s.push(hashOf(line, i, end), i, end, word, space, 0)
}

// valued reports whether the nth token from the end is a value.
func (s *scan) valued(n int) bool { return s.n >= n && s.tokens[s.n-n].kind == wild }

// wild adds a value. Values beside one another are one: a list may have any
// length, and a date has many parts.
func (s *scan) wild(line string, space bool) {
	for s.n > 0 {
		t := &s.tokens[s.n-1]
		if t.kind != word || t.end-t.start != 3 || !isDate(line[t.start:t.end]) {
			break
		}
		space = t.space
		s.n--
	}
	switch {
	case s.last == value:
	case s.last == ',' && s.valued(2):
		s.n--
	default:
		s.push(wildHash, 0, 0, wild, space, value)
		return
	}
	s.last = value
}

// sign adds punctuation. A value with another in brackets right behind it is
// one value.
func (s *scan) sign(line string, i, end int, space bool) {
	b := line[i]
	if s.last == value && s.valued(3) {
		if t := &s.tokens[s.n-2]; t.kind == sign && !t.space && closes(line[t.start], b) {
			s.n -= 2
			s.last = value
			return
		}
	}
	s.push(signHash(line, i, end), i, end, sign, space, b)
}

// closes reports whether b closes what a opens.
func closes(a, b byte) bool {
	return a == '{' && b == '}' || a == '[' && b == ']' || a == '(' && b == ')'
}

func (s *scan) push(hash uint64, start, end int, k kind, space bool, last byte) {
	if s.n < maxTokens {
		t := &s.tokens[s.n]
		t.hash = hash
		t.start, t.end = uint16(start), uint16(end)
		t.kind, t.space = k, space
		s.n++
		s.last = last
	}
}
