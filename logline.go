package hale

import (
	"log/slog"
	"reflect"
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

// logLine is what hale looks at of a record. Nothing in it is kept but as a copy.
type logLine struct {
	attrs   keptAttrs
	at      time.Time
	level   slog.Level
	message string
	err     string // text of the first error
	stack   string // fingerprint of a stack in an attribute
}

// add takes an attribute in. Its value may be anybody's code.
func (l *logLine) add(prefix string, a *slog.Attr, depth int) {
	switch kind := a.Value.Kind(); kind {
	case slog.KindInt64:
		l.attrs.number(kind, prefix, a.Key, uint64(a.Value.Int64())) //nolint:gosec // it is read back as it was
	case slog.KindDuration:
		l.attrs.number(kind, prefix, a.Key, uint64(a.Value.Duration())) //nolint:gosec // so is this
	case slog.KindString:
		s := a.Value.String()
		if l.err == "" && (a.Key == "err" || a.Key == "error") {
			l.err = s
		}
		if len(s) >= leastStack {
			l.trace(s)
		}
		l.attrs.string(prefix, a.Key, s)
	case slog.KindGroup:
		if depth == maxDepth {
			return
		}
		if a.Key != "" {
			prefix += a.Key + "."
		}
		group := a.Value.Group()
		for i := range group[:min(len(group), maxAttrs)] {
			l.add(prefix, &group[i], depth+1)
		}
	case slog.KindAny:
		l.attrs.string(prefix, a.Key, l.any(a.Value.Any()))
	default:
		l.attrs.rare(kind, prefix, a)
	}
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
