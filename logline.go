package hale

import (
	"log/slog"
	"reflect"
	"strconv"
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
}

// textRoom is the room that a text of attributes is given on the stack.
const textRoom = maxText + maxValue

// add takes an attribute in, and appends it as text to b. Its value may be anybody's
// code.
func (l *logLine) add(b []byte, prefix string, a *slog.Attr, depth int) []byte {
	kind := a.Value.Kind()
	switch kind {
	case slog.KindString:
		s := a.Value.String()
		if l.err == "" && (a.Key == "err" || a.Key == "error") {
			l.err = s
		}
		if len(s) >= leastStack {
			l.trace(s)
		}
		return appendText(b, prefix, a.Key, s)
	case slog.KindGroup:
		if depth == maxDepth {
			return b
		}
		if a.Key != "" {
			prefix += a.Key + "."
		}
		group := a.Value.Group()
		for i := range group[:min(len(group), maxAttrs)] {
			b = l.add(b, prefix, &group[i], depth+1)
		}
		return b
	case slog.KindAny:
		return appendText(b, prefix, a.Key, l.any(a.Value.Any()))
	}
	b, ok := appendKey(b, prefix, a.Key)
	if !ok {
		return b
	}
	switch v := a.Value; kind {
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindDuration:
		return appendDuration(b, v.Duration())
	default:
		return appendPlain(b, kind, v)
	}
}

// appendPlain writes a value of the rarer kinds.
func appendPlain(b []byte, kind slog.Kind, v slog.Value) []byte {
	switch kind {
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10)
	case slog.KindFloat64:
		return strconv.AppendFloat(b, v.Float64(), 'g', -1, 64)
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case slog.KindTime:
		return v.Time().AppendFormat(b, time.RFC3339Nano)
	}
	return append(b, '?') // a LogValuer, which may hide a secret
}

// any returns the text of a value of any type, of which only an error is asked for it.
func (l *logLine) any(v any) string {
	switch v := v.(type) {
	case error:
		text := saidBy(v)
		if l.err == "" {
			l.err = text
		}
		if len(text) >= leastStack {
			l.trace(text)
		}
		return text
	case []byte:
		if len(v) >= leastStack { // debug.Stack, most likely
			l.trace(string(v[:min(len(v), stack.MaxText)]))
		}
		return "[]byte"
	case nil:
		return "nil"
	}
	return reflect.TypeOf(v).String()
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

// appendKey begins an attribute, if there is room for one.
func appendKey(b []byte, prefix, key string) ([]byte, bool) {
	n := len(b)
	if n+len(prefix)+len(key)+2 >= maxText {
		return b, false
	}
	if n > 0 {
		b = append(b, ' ')
	}
	if prefix != "" {
		b = append(b, prefix...)
	}
	b = append(b, key...)
	return append(b, '='), true
}

func appendText(b []byte, prefix, key, s string) []byte {
	b, ok := appendKey(b, prefix, key)
	if !ok {
		return b
	}
	s = head(s, maxValue)
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '"' || c == '=' {
			return strconv.AppendQuote(b, s)
		}
	}
	return append(b, s...)
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

// appendDuration writes a duration in the greatest unit of which it is at least ten.
func appendDuration(b []byte, d time.Duration) []byte {
	n, unit := int64(d), "ns"
	switch abs := d.Abs(); {
	case abs >= 10*time.Second:
		n, unit = n/int64(time.Second), "s"
	case abs >= 10*time.Millisecond:
		n, unit = n/int64(time.Millisecond), "ms"
	case abs >= 10*time.Microsecond:
		n, unit = n/int64(time.Microsecond), "µs"
	}
	return append(strconv.AppendInt(b, n, 10), unit...)
}
