package halesql

import "strings"

// Kinds of tokens that are no single byte.
const (
	end     = byte(0)
	word    = byte('w')
	quoted  = byte('q') // an identifier in quotes
	literal = byte('l')
)

// lexer cuts an SQL text, of whatever dialect, into tokens. What is not closed goes on to
// the end.
type lexer struct {
	text string
	at   int
}

// next returns the kind and, of words and identifiers in quotes, the text of the next
// token. Other tokens are a byte, which is their kind, and none is a letter.
func (l *lexer) next() (kind byte, text string) {
	l.blank()
	if l.at >= len(l.text) {
		return end, ""
	}
	start, c := l.at, l.text[l.at]
	switch {
	case c == '\'':
		l.quote(c, true)
		return literal, ""
	case c == '"', c == '`':
		l.quote(c, false)
		return quoted, strings.TrimSuffix(l.text[start+1:l.at], string(c))
	case c == '[':
		l.quote(']', false)
		return quoted, strings.TrimSuffix(l.text[start+1:l.at], "]")
	case c == '$':
		l.dollar()
		return literal, ""
	case '0' <= c && c <= '9':
		l.run()
		return literal, ""
	case isWord(c):
		l.run()
		return word, l.text[start:l.at]
	}
	l.at++
	if c == end {
		return literal, ""
	}
	return c, ""
}

// blank skips white space and comments.
func (l *lexer) blank() {
	for l.at < len(l.text) {
		switch rest := l.text[l.at:]; rest[0] {
		case ' ', '\t', '\r', '\n', '\f', '\v':
			l.at++
			continue
		case '-':
			if strings.HasPrefix(rest, "--") {
				l.past(strings.IndexByte(rest, '\n'), 1)
				continue
			}
		case '/':
			if strings.HasPrefix(rest, "/*") {
				l.past(strings.Index(rest[2:], "*/"), 4)
				continue
			}
		}
		return
	}
}

// past goes on by at+n, or to the end where at is -1.
func (l *lexer) past(at, n int) {
	if at < 0 {
		l.at = len(l.text)
		return
	}
	l.at += at + n
}

// quote skips what stands in quotes; two closing ones are one in it.
func (l *lexer) quote(closing byte, escapes bool) {
	for l.at++; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; {
		case c == '\\' && escapes:
			l.at++
		case c == closing:
			if l.at+1 >= len(l.text) || l.text[l.at+1] != closing {
				l.at++
				return
			}
			l.at++
		}
	}
	l.at = len(l.text) // an escape may have gone past it
}

// dollar skips $1, and PostgreSQL's text in $$ or $tag$.
func (l *lexer) dollar() {
	start := l.at
	for l.at++; l.at < len(l.text) && isWord(l.text[l.at]); l.at++ {
		if l.text[l.at] == '$' {
			break
		}
	}
	if l.at >= len(l.text) || l.text[l.at] != '$' {
		return
	}
	l.at++
	tag := l.text[start:l.at]
	l.past(strings.Index(l.text[l.at:], tag), len(tag))
}

func (l *lexer) run() {
	for l.at++; l.at < len(l.text) && isWord(l.text[l.at]); l.at++ {
	}
}

// isWord reports whether a byte may be in a word. Letters of other scripts may.
func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c >= 0x80
}
