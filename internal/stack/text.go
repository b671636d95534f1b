package stack

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// MaxText is how much of a text is searched for a stack, in bytes.
const MaxText = 64 << 10

// maxHeader is as long as the line above a stack may be.
const maxHeader = 200

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
	var names [fingerprintFrames]string
	n := 0
	for line := range strings.Lines(rest) {
		line = strings.TrimRight(line, "\r\n")
		name, frame := functionIn(line)
		switch {
		case line == "", strings.HasPrefix(line, "created by "):
			return fingerprintNames(names[:n]), true // another goroutine follows, or something else
		case !frame: // the place of the one before
		case name == "panic" || name == "runtime.gopanic" || name == "runtime.sigpanic" || name == "runtime/debug.Stack":
			n = 0 // what is above handles the panic
		case strings.HasPrefix(name, "runtime."):
		case n < len(names):
			names[n] = name
			n++
		}
	}
	return fingerprintNames(names[:n]), true
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
		line, _, _ := strings.Cut(text[:min(len(text), maxHeader)], "\n")
		rest := strings.TrimPrefix(text[len(line):], "\n")
		line = strings.TrimRight(line[digits:], "\r")
		if digits > 0 && strings.Contains(line, " [") && strings.HasSuffix(line, "]:") {
			return rest, true
		}
	}
}

// functionIn returns the function of a line "main.(*T).run(0xc000012345, ...)".
func functionIn(line string) (string, bool) {
	if line == "" || line[0] == '\t' || line[0] == ' ' || line[len(line)-1] != ')' {
		return "", false
	}
	i := strings.LastIndexByte(line, '(')
	if i <= 0 {
		return "", false
	}
	return line[:i], true
}

func fingerprintNames(names []string) string {
	h := fnv.New64a()
	for _, name := range names {
		_, _ = h.Write([]byte(name)) // a hash never fails
		_, _ = h.Write([]byte{0})
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
