package template

import (
	"strings"
	"unicode/utf8"
)

// minHex is the length from which a word of hexadecimal digits is a value even
// without a decimal one; no English word of this kind is as long.
const minHex = 8

// isValue reports whether a word is a value by its looks alone: it has a digit,
// or it is a path, a URL, a hexadecimal number or no text at all.
func isValue(word string, c class) bool {
	switch {
	case c&digit != 0:
		return true
	case c&notHex == 0:
		return len(word) >= minHex
	case c&slash != 0 && isPath(word):
		return true
	case c&high != 0:
		return !utf8.ValidString(word)
	}
	return false
}

// isPath reports whether a word is an absolute path of two names at least, with
// slashes or from a drive or a share, or a URL.
func isPath(word string) bool {
	switch {
	case word[0] == '/':
		return strings.IndexByte(word[1:], '/') >= 0
	case len(word) > 2 && word[1] == ':' && word[2] == '\\':
		return true
	}
	return strings.HasPrefix(word, `\\`) || strings.Contains(word, "://")
}

// isEndpoint reports whether a word is a dotted name with a number of two
// digits or more behind its colon: a host and its port, a file and its line.
func isEndpoint(name, number string) bool {
	if len(number) < 2 || strings.IndexByte(name, '.') < 0 {
		return false
	}
	for i := range len(number) {
		if !isDigit(number[i]) {
			return false
		}
	}
	return true
}

// isKey reports whether what is before the colon of a word is the key of what is
// behind it, as in state:ready. Scopes (a::b), drives and URLs have no key.
func isKey(key, value string) bool {
	return isLetter(key[len(key)-1]) && value[0] != ':' && value[0] != '\\' && !strings.HasPrefix(value, "//")
}

// isSwitch reports whether a word is one of two states. Lines that differ in
// one say different things, so it is never taken for a value.
func isSwitch(word string) bool {
	switch len(word) {
	case 2:
		return strings.EqualFold(word, "on") || strings.EqualFold(word, "no")
	case 3:
		return strings.EqualFold(word, "off") || strings.EqualFold(word, "yes")
	case 4:
		return strings.EqualFold(word, "true")
	case 5:
		return strings.EqualFold(word, "false")
	}
	return false
}

// isUnit reports whether a word behind a number belongs to it: a size, a
// duration, or the zone of a time.
func isUnit(word string) bool {
	switch word {
	case "B", "b", "byte", "bytes", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB",
		"ns", "us", "µs", "ms", "s", "min", "h", "usec", "msec", "sec", "secs", "mins", "second", "seconds", "minute", "minutes",
		"hour", "hours", "day", "days", "nanoseconds", "microseconds", "milliseconds",
		"AM", "PM", "UTC", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "CET", "CEST":
		return true
	}
	return false
}

// isDate reports whether a word before a number is part of a date.
func isDate(word string) bool {
	switch word {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		return true
	}
	return false
}

// isName reports whether a word looks made by a machine rather than written in
// a sentence: it is a dotted name of three parts or more.
func isName(word string) bool { return strings.Count(strings.Trim(word, "."), ".") >= 2 }
