package hale

import (
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hale-go/hale/internal/stack"
)

// Bounds on what is looked at of a record, and kept of it.
const (
	maxAttrs   = 64   // attributes, and those of a group
	maxDepth   = 4    // groups in groups
	maxMessage = 4096 // bytes of a message or an error's text
	maxText    = 232  // bytes kept as evidence, message and attributes
	maxValue   = 96   // of a value in it
	leastStack = 64   // bytes that a stack has at least
)

// logLine is what hale looks at of a record. Nothing in it is kept.
type logLine struct {
	at      time.Time
	level   slog.Level
	message string
	err     string // text of the first error
	stack   string // fingerprint of a stack in an attribute
	attrs   []byte // key=value, for people; at most maxText
}

func (l *logLine) clone() logLine {
	made := *l
	made.attrs = slices.Clone(l.attrs)
	return made
}

// add takes an attribute in. Its value may be anybody's code.
func (l *logLine) add(prefix string, a slog.Attr, depth int) {
	switch a.Value.Kind() {
	case slog.KindString:
		s := a.Value.String()
		if l.err == "" && (a.Key == "err" || a.Key == "error") {
			l.err = s
		}
		if len(s) >= leastStack {
			l.trace(s)
		}
		l.text(prefix, a.Key, s)
	case slog.KindGroup:
		if depth == maxDepth {
			return
		}
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for i, in := range a.Value.Group() {
			if i == maxAttrs {
				return
			}
			l.add(prefix, in, depth+1)
		}
	case slog.KindAny:
		l.any(prefix, a.Key, a.Value.Any())
	default:
		if !l.key(prefix, a.Key) {
			return
		}
		switch v := a.Value; v.Kind() {
		case slog.KindInt64:
			l.attrs = strconv.AppendInt(l.attrs, v.Int64(), 10)
		case slog.KindUint64:
			l.attrs = strconv.AppendUint(l.attrs, v.Uint64(), 10)
		case slog.KindFloat64:
			l.attrs = strconv.AppendFloat(l.attrs, v.Float64(), 'g', -1, 64)
		case slog.KindBool:
			l.attrs = strconv.AppendBool(l.attrs, v.Bool())
		case slog.KindDuration:
			l.attrs = appendDuration(l.attrs, v.Duration())
		case slog.KindTime:
			l.attrs = v.Time().AppendFormat(l.attrs, time.RFC3339Nano)
		default: // a LogValuer, which may hide a secret
			l.attrs = append(l.attrs, '?')
		}
		l.end()
	}
}

// any takes in a value of any type, of which only an error is asked for its text.
func (l *logLine) any(prefix, key string, v any) {
	switch v := v.(type) {
	case error:
		text := saidBy(v)
		if l.err == "" {
			l.err = text
		}
		if len(text) >= leastStack {
			l.trace(text)
		}
		l.text(prefix, key, text)
	case []byte:
		if len(v) >= leastStack { // debug.Stack, most likely
			l.trace(string(v[:min(len(v), stack.MaxText)]))
		}
		l.text(prefix, key, "[]byte")
	case nil:
		l.text(prefix, key, "nil")
	default:
		l.text(prefix, key, reflect.TypeOf(v).String())
	}
}

// saidBy returns an error's text, on the goroutine that logs it: so does whoever
// writes the record out.
func saidBy(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = "(" + reflect.TypeOf(err).String() + " that cannot tell its text)"
		}
	}()
	return err.Error()
}

// trace looks for a stack.
func (l *logLine) trace(s string) {
	if l.stack == "" {
		l.stack, _ = stack.FingerprintText(s)
	}
}

// key begins an attribute, and reports whether there is room for it.
func (l *logLine) key(prefix, key string) bool {
	if len(l.attrs)+len(prefix)+len(key)+2 >= maxText {
		return false
	}
	if len(l.attrs) > 0 {
		l.attrs = append(l.attrs, ' ')
	}
	l.attrs = append(l.attrs, prefix...)
	l.attrs = append(l.attrs, key...)
	l.attrs = append(l.attrs, '=')
	return true
}

func (l *logLine) text(prefix, key, s string) {
	if !l.key(prefix, key) {
		return
	}
	s = head(s, maxValue)
	if strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' }) >= 0 {
		l.attrs = strconv.AppendQuote(l.attrs, s)
	} else {
		l.attrs = append(l.attrs, s...)
	}
	l.end()
}

// end cuts what has become too long.
func (l *logLine) end() {
	if len(l.attrs) > maxText {
		l.attrs = l.attrs[:maxText]
	}
}

// head returns at most the first limit bytes of s, and no part of a character.
func head(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// appendDuration is [time.Duration.String] to four digits, without its allocation.
func appendDuration(b []byte, d time.Duration) []byte {
	unit, name := time.Nanosecond, "ns"
	switch abs := d.Abs(); {
	case abs >= time.Second:
		unit, name = time.Second, "s"
	case abs >= time.Millisecond:
		unit, name = time.Millisecond, "ms"
	case abs >= time.Microsecond:
		unit, name = time.Microsecond, "µs"
	}
	b = strconv.AppendFloat(b, float64(d)/float64(unit), 'g', 4, 64)
	return append(b, name...)
}
