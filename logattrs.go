package hale

import (
	"encoding/binary"
	"log/slog"
	"math"
	"strconv"
	"time"
)

// Attributes are kept as evidence in a form that is quick to write, and made legible
// when somebody asks, because of most records nobody does: of each its kind, the
// length of its key, the key, and then the eight bytes of a number, or the length of a
// text and the text. What was cut off at the end is left out.

// keptAttrs is room for them on the stack, with space for a number behind the end.
type keptAttrs struct {
	n    int
	text [maxText + 8]byte
}

// kept returns what of them is kept.
func (k *keptAttrs) kept() []byte { return k.text[:min(k.n, maxText)] }

// key begins an attribute, if there is room for one.
func (k *keptAttrs) key(kind slog.Kind, prefix, key string) bool {
	n := len(prefix) + len(key)
	if k.n+n+2 >= maxText {
		return false
	}
	k.text[k.n], k.text[k.n+1] = byte(kind), byte(n) //nolint:gosec // both are small
	k.n += 2
	if prefix != "" {
		k.n += copy(k.text[k.n:], prefix)
	}
	k.n += copy(k.text[k.n:], key)
	return true
}

func (k *keptAttrs) number(kind slog.Kind, prefix, key string, bits uint64) {
	if k.key(kind, prefix, key) {
		binary.LittleEndian.PutUint64(k.text[k.n:], bits)
		k.n += 8
	}
}

func (k *keptAttrs) string(prefix, key, s string) {
	if k.key(slog.KindString, prefix, key) {
		n := copy(k.text[k.n+1:], head(s, maxValue))
		k.text[k.n] = byte(n) //nolint:gosec // at most maxValue
		k.n += 1 + n
	}
}

// rare writes an attribute of the rarer kinds.
func (k *keptAttrs) rare(kind slog.Kind, prefix string, a *slog.Attr) {
	switch v := a.Value; kind {
	case slog.KindUint64:
		k.number(kind, prefix, a.Key, v.Uint64())
	case slog.KindFloat64:
		k.number(kind, prefix, a.Key, math.Float64bits(v.Float64()))
	case slog.KindBool:
		n := uint64(0)
		if v.Bool() {
			n = 1
		}
		k.number(kind, prefix, a.Key, n)
	case slog.KindTime:
		k.string(prefix, a.Key, v.Time().Format(time.RFC3339Nano))
	default: // a LogValuer, which may hide a secret
		k.string(prefix, a.Key, "?")
	}
}

// attrsText returns attributes as text.
func attrsText(kept []byte) (b []byte) {
	for len(kept) > 2 && len(kept) > 2+int(kept[1]) {
		kind, n := slog.Kind(kept[0]), 2+int(kept[1])
		key, value := kept[2:n], kept[n:]
		if n = 8; kind == slog.KindString {
			n = min(1+int(value[0]), len(value))
		}
		if len(value) < n {
			break
		}
		value, kept = value[:n], value[n:]
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(append(b, key...), '=')
		if kind == slog.KindString {
			b = appendQuoted(b, head(string(value[1:]), maxValue))
		} else {
			b = appendValue(b, kind, binary.LittleEndian.Uint64(value))
		}
	}
	return b
}

func appendValue(b []byte, kind slog.Kind, bits uint64) []byte {
	switch n := int64(bits); kind { //nolint:gosec // as it was
	case slog.KindInt64:
		return strconv.AppendInt(b, n, 10)
	case slog.KindDuration:
		return appendDuration(b, time.Duration(n))
	case slog.KindFloat64:
		return strconv.AppendFloat(b, math.Float64frombits(bits), 'g', -1, 64)
	case slog.KindBool:
		return strconv.AppendBool(b, n != 0)
	default:
		return strconv.AppendUint(b, bits, 10)
	}
}

func appendQuoted(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '"' || c == '=' {
			return strconv.AppendQuote(b, s)
		}
	}
	return append(b, s...)
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
