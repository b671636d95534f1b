package template

import "strings"

// Bounds on what is looked at of a line; the rest is as if it were not there.
const (
	maxBytes  = 4096
	maxTokens = 96
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

// scan is the form of a line: its text with the values taken out.
type scan struct {
	tokens [maxTokens]token
	n      int
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
		if c&blank != 0 {
			space = true
			i++
			continue
		}
		if c&mark != 0 {
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
		for end < len(line) {
			b := classes[line[end]]
			if b&(blank|mark) != 0 {
				break
			}
			c |= b
			end++
		}
		switch {
		case end < len(line) && line[end] == '?' && c&slash != 0:
			end = endOfQuery(line, end)
			s.wild(line, space)
		case cut && end == len(line): // only half of a word
		default:
			s.field(line, i, end, c, space)
		}
		space = false
		i = end
	}
}

// quoted returns the end of the quoted value that begins at i, behind an equals
// sign, or 0.
func (s *scan) quoted(line string, i int) int {
	if q := line[i]; (q != '"' && q != '\'') || !s.top(0, line, '=') {
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
		if classes[line[i]]&blank != 0 || strings.IndexByte(`"'<>(){}`, line[i]) >= 0 {
			break
		}
	}
	return i
}

// field adds the word line[i:end] and the punctuation that ends it.
func (s *scan) field(line string, i, end int, c class, space bool) {
	tail := end
	for tail > i && isTail(line[tail-1]) {
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

// word adds the word line[i:end] with all that it consists of.
func (s *scan) word(line string, i, end int, c class, space bool) {
	text := line[i:end]
	if c&colon != 0 {
		if isEndpoint(text) {
			s.wild(line, space)
			return
		}
		if k := splitKey(text); k > 0 {
			s.word(line, i, i+k, classOf(text[:k]), space)
			s.sign(line, i+k, i+k+1, false)
			s.word(line, i+k+1, end, classOf(text[k+1:]), false)
			return
		}
	}
	switch {
	case isValue(text, c), s.keyed(line) && !isSwitch(text):
		s.wild(line, space)
	case s.n > 0 && s.tokens[s.n-1].kind == wild && isUnit(text):
	default:
		s.push(token{hashOf(text), uint16(i), uint16(end), word, space})
	}
}

// keyed reports whether what follows is the value of a key: key=value.
func (s *scan) keyed(line string) bool {
	return s.n > 1 && s.top(0, line, '=') && s.tokens[s.n-2].kind != sign
}

// top reports whether the token so far below the last is the sign b.
func (s *scan) top(below int, line string, b byte) bool {
	if s.n <= below {
		return false
	}
	t := s.tokens[s.n-1-below]
	return t.kind == sign && line[t.start] == b
}

// wild adds a value. Values beside one another are one: a list may have any
// length, and a date has many parts.
func (s *scan) wild(line string, space bool) {
	for s.n > 0 {
		t := s.tokens[s.n-1]
		if t.kind != word || !isDate(line[t.start:t.end]) {
			break
		}
		space = t.space
		s.n--
	}
	if s.n > 0 && s.tokens[s.n-1].kind == wild {
		return
	}
	if s.n > 1 && s.top(0, line, ',') && s.tokens[s.n-2].kind == wild {
		s.n--
		return
	}
	s.push(token{wildHash, 0, 0, wild, space})
}

// sign adds punctuation. A value with another in brackets behind it is one.
func (s *scan) sign(line string, i, end int, space bool) {
	if s.n > 2 && s.tokens[s.n-1].kind == wild && s.tokens[s.n-3].kind == wild && s.closes(line, line[i]) {
		s.n -= 2
		return
	}
	s.push(token{hashOf(line[i:end]), uint16(i), uint16(end), sign, space})
}

// closes reports whether b closes the bracket before the last token, which
// stands right behind the token before it.
func (s *scan) closes(line string, b byte) bool {
	if s.tokens[s.n-2].space {
		return false
	}
	switch b {
	case '}':
		return s.top(1, line, '{')
	case ']':
		return s.top(1, line, '[')
	case ')':
		return s.top(1, line, '(')
	}
	return false
}

func (s *scan) push(t token) {
	if s.n < maxTokens {
		s.tokens[s.n] = t
		s.n++
	}
}
