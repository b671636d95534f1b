package template

// class says what a byte may be part of. The classes of the bytes of a word are
// put together to tell what the word is, without looking at it again.
type class uint8

const (
	blank  class = 1 << iota // between words
	mark                     // a token of its own
	digit                    // makes a word a value
	notHex                   // no hexadecimal digit
	slash                    // forward or backward, of a path
	colon                    // between key and value, host and port, file and line
	high                     // not ASCII
	ending                   // may end a word without being part of it

	// special are the classes that need a closer look than [digit] or none.
	special = slash | colon | high | ending
)

// marks are the bytes that are tokens of their own.
const marks = `=,;()[]{}<>"'|&?`

var classes = func() (c [256]class) {
	for b := range c {
		switch {
		case b <= ' ' || b == 0x7f:
			c[b] = blank
		case b >= 0x80:
			c[b] = high | notHex
		case b >= '0' && b <= '9':
			c[b] = digit
		case b >= 'a' && b <= 'f', b >= 'A' && b <= 'F':
		default:
			c[b] = notHex
		}
	}
	for i := range len(marks) {
		c[marks[i]] = mark
	}
	c['/'] |= slash
	c['\\'] |= slash
	c[':'] |= colon | ending
	c['.'] |= ending
	c['!'] |= ending
	return c
}()

// classOf puts the classes of all bytes together.
func classOf(s string) (c class) {
	for i := range len(s) {
		c |= classes[s[i]]
	}
	return c
}

func isDigit(b byte) bool  { return b >= '0' && b <= '9' }
func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
