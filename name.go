package hale

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds the bytes of a task's or pool's name.
const maxName = 128

// cleanName returns the name to use for what the caller asked for: not empty,
// printable, without '#', which ends a name in a task ID, and at most 128
// bytes. The second result says what was mended, "" if nothing.
func cleanName(name string, fallback func() string) (string, string) {
	if plainName(name) {
		return name, ""
	}
	if name == "" {
		clean := cut(fallback(), maxName)
		return clean, fmt.Sprintf("empty name: it counts as %q", clean)
	}
	clean := strings.ReplaceAll(printable(name, maxName), "#", "_")
	if clean == name {
		return name, ""
	}
	return clean, fmt.Sprintf("name of %d bytes that is too long or has characters that are not printable, used as %q", len(name), clean)
}

// plainName reports whether a name can be used as it is. It is on the hot path.
func plainName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || c > '~' || c == '#' {
			return false
		}
	}
	return true
}

// printable returns s with every character that is not printable replaced by
// '_' and at most limit bytes. A name that is cut keeps a hash of the whole, so
// that two long names stay two.
func printable(s string, limit int) string {
	s = cut(s, limit)
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, s)
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // a hash never fails
	tail := fmt.Sprintf("~%08x", uint32(h.Sum64()))
	keep := limit - len(tail)
	for keep > 0 && !utf8.RuneStart(s[keep]) {
		keep--
	}
	return s[:keep] + tail
}
