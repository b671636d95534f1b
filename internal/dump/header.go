package dump

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

var wordGoroutine = []byte("goroutine ")

// header reads the line above a stack:
//
//	goroutine 7 gp=0xc000007180 m=nil [chan receive (durable), 5 minutes, locked to thread, synctest bubble 2]:
//
// with the labels of Go 1.26 in the brackets (labels:{"k": "v"}) or those of 1.27 behind
// them ({k: v}). It reports false for any other line. What a newer Go may add to the
// brackets is passed over. The goroutine is not touched unless the line is a header.
func (p *Parser) header(line []byte) (g Goroutine, cost int, ok bool) {
	rest, ok := bytes.CutPrefix(line, wordGoroutine)
	if !ok || !bytes.HasSuffix(rest, []byte("]:")) && !bytes.HasSuffix(rest, []byte("}:")) {
		return g, 0, false
	}
	rest = rest[:len(rest)-1]
	var n int
	if g.ID, n = number(rest); n == 0 {
		return g, 0, false
	}
	open := bytes.IndexByte(rest, '[')
	if open < n+1 || rest[n] != ' ' || rest[open-1] != ' ' {
		return g, 0, false
	}
	rest = rest[open+1:]
	end := bytes.IndexByte(rest, ']')
	if end < 0 {
		return g, 0, false
	}
	labels := rest[end+1:]
	if i := bytes.Index(rest[:end], wordLabels); i >= 0 { // of 1.26: a bracket may be within their quotes
		labels, rest, end = rest[i+len(wordLabels)-len("{"):], rest[:i], i
	}
	attributes := rest[:end]
	state := attributes
	if i := bytes.Index(attributes, separator); i >= 0 {
		state, attributes = attributes[:i], attributes[i+len(separator):]
	} else {
		attributes = nil
	}
	g.State, cost = p.names.of(g.flags(state))
	for len(attributes) > 0 {
		var one []byte
		one, attributes, _ = bytes.Cut(attributes, separator)
		g.attribute(one)
	}
	if len(labels) > 0 {
		var more int
		g.Labels, more = p.labels(labels)
		cost += more
	}
	return g, cost, true
}

var (
	wordLabels  = []byte(" labels:{")
	separator   = []byte(", ")
	flagLeaked  = []byte(" (leaked)")
	flagScan    = []byte(" (scan)")
	flagDurable = []byte(" (durable)")
	wordMinutes = []byte(" minutes")
	wordLocked  = []byte("locked to thread")
	wordBubble  = []byte("synctest bubble ")
)

// flags takes those off the state that are not a part of it.
func (g *Goroutine) flags(state []byte) []byte {
	for len(state) > 0 && state[len(state)-1] == ')' {
		var ok bool
		if state, ok = bytes.CutSuffix(state, flagLeaked); ok {
			g.Leaked = true
		} else if state, ok = bytes.CutSuffix(state, flagDurable); ok {
			g.Durable = true
		} else if state, ok = bytes.CutSuffix(state, flagScan); !ok { // the collector happened to look
			break
		}
	}
	return state
}

// attribute reads what follows the state.
func (g *Goroutine) attribute(s []byte) {
	if bytes.Equal(s, wordLocked) {
		g.Locked = true
	} else if n, ok := bytes.CutSuffix(s, wordMinutes); ok {
		if minutes, digits := number(n); digits == len(n) {
			g.Wait = time.Duration(min(minutes, math.MaxInt64/uint64(time.Minute))) * time.Minute
		}
	} else if n, ok := bytes.CutPrefix(s, wordBubble); ok {
		g.Bubble, _ = number(n)
	}
}

// number reads the digits that s begins with, and says how many there are. A number
// beyond 64 bits is none.
func number(s []byte) (v uint64, digits int) {
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		d := uint64(s[digits] - '0')
		if v > (math.MaxUint64-d)/10 {
			return 0, 0
		}
		v = 10*v + d
		digits++
	}
	return v, digits
}

// labels reads {k: v, "quoted": "v"}. Goroutines with the same labels as the one before
// share them.
func (p *Parser) labels(s []byte) (labels []Label, cost int) {
	if len(s) > 0 && string(s) == p.labelText {
		return p.lastLabels, 0
	}
	open := bytes.IndexByte(s, '{')
	if open < 0 {
		return nil, 0
	}
	for rest := s[open+1:]; len(labels) < MaxLabels; {
		key, after, ok := word(rest)
		if !ok || !bytes.HasPrefix(after, []byte(": ")) {
			break // cut off, or the end of those of nobody
		}
		value, after, ok := word(after[len(": "):])
		if !ok {
			break
		}
		k, a := p.names.of([]byte(key))
		v, b := p.names.of([]byte(value))
		labels = append(labels, Label{k, v})
		cost += a + b + 32 // of a Label
		if rest, ok = bytes.CutPrefix(after, separator); !ok {
			break
		}
	}
	p.labelText, p.lastLabels = string(s), labels
	return labels, cost + len(s)
}

// word reads a key or value: in quotes where it has anything but letters, digits and ._/
// in it, and always in 1.26.
func word(s []byte) (v string, rest []byte, ok bool) {
	if len(s) > 0 && s[0] == '"' {
		quoted, err := strconv.QuotedPrefix(string(s))
		if err != nil {
			return "", nil, false
		}
		v, err = strconv.Unquote(quoted)
		return v, s[len(quoted):], err == nil
	}
	i := bytes.IndexAny(s, ":,}")
	if i < 0 {
		return "", nil, false
	}
	return string(s[:i]), s[i:], true
}
