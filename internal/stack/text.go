package stack

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// MaxText is how much of a text is searched for a stack, in bytes.
const MaxText = 64 << 10

// maxHeader is as long as the line above a stack may be; it may hold labels.
const maxHeader = 4 << 10

// FingerprintText looks for a stack in the form in which Go prints one: a line
// "goroutine 7 [running]:" and its frames. It returns 16 hexadecimal digits that are
// equal for stacks with the same functions from the origin of the panic on, or of
// what asked for the stack: lines, arguments, addresses and goroutine IDs do not
// matter, so that they are equal across builds. It takes some microseconds where
// there is a stack, and nearly nothing where there is none.
func FingerprintText(text string) (fingerprint string, ok bool) {
	text = text[:min(len(text), MaxText)]
	rest, ok := afterHeader(text)
	if !ok {
		return "", false
	}
	var o Origin
	for line := range strings.Lines(rest) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "created by ") {
			break // another goroutine follows, or something else
		}
		if end := FunctionEnd(line); end > 0 { // else it is the place of the one before
			o.Add(line[:end])
		}
	}
	return o.Fingerprint(), true
}

// afterHeader returns what follows the line that a stack begins with.
func afterHeader(text string) (rest string, ok bool) {
	const word = "goroutine "
	for {
		i := strings.Index(text, word)
		if i < 0 {
			return "", false
		}
		text = text[i+len(word):]
		digits := 0
		for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
			digits++
		}
		if digits == 0 {
			continue
		}
		line, _, _ := strings.Cut(text[:min(len(text), maxHeader)], "\n")
		rest := strings.TrimPrefix(text[len(line):], "\n")
		line = strings.TrimRight(line[digits:], "\r")
		if strings.Contains(line, " [") && (strings.HasSuffix(line, "]:") || strings.HasSuffix(line, "}:")) {
			return rest, true
		}
	}
}

// FunctionEnd returns where the name of the function ends in a line such as
// "main.(*T).run(0xc000012345, ...)", and 0 where the line is none: names have no
// space, but for the type arguments that older versions of Go print.
func FunctionEnd[T string | []byte](line T) int {
	if len(line) == 0 || line[0] == '\t' || line[0] == ' ' || line[len(line)-1] != ')' {
		return 0
	}
	end := len(line) - 1
	for end > 0 && line[end] != '(' {
		end--
	}
	if end > 0 && line[end-1] == '.' { // of "main.(*T).run(" that is cut off, or of prose
		return 0
	}
	for i := range end {
		switch line[i] {
		case '[':
			return end
		case ' ':
			return 0
		}
	}
	return end
}

// Handles reports whether a function is one above which a stack has what handles a panic, or
// prints the stack, and nothing of where it comes from.
func Handles(name string) bool {
	return name == "panic" || name == "runtime.gopanic" || name == "runtime.sigpanic" || name == "runtime/debug.Stack"
}

// Origin finds in the functions of a stack, innermost first, those by which its
// fingerprint is made. The zero value is ready for the first.
type Origin struct {
	names [fingerprintFrames]string
	n     int
}

// Add takes the function of the next frame, as Go prints it. Functions of C, which
// begin with "C." where package dump names them, do not count.
func (o *Origin) Add(name string) {
	switch {
	case Handles(name):
		o.n = 0
	case strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "C."):
	case o.n < len(o.names):
		o.names[o.n] = name
		o.n++
	}
}

// Fingerprint returns 16 hexadecimal digits.
func (o *Origin) Fingerprint() string {
	h := fnv.New64a()
	for _, name := range o.names[:o.n] {
		_, _ = h.Write([]byte(name)) // a hash never fails
		_, _ = h.Write([]byte{0})
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
