package dump

import (
	"bytes"
	"slices"
)

// Parser finds what Go prints about goroutines in the output of a process. The zero
// value with Crash, Goroutine or both set is ready. Feed it by Write, in pieces of any
// size, and end it by Flush.
//
// Outside of a crash a line costs some nanoseconds: it is looked at up to its end for the
// newline, and at its first letters. It is not safe for concurrent use, and calls its
// functions on the goroutine that feeds it.
type Parser struct {
	// Crash gets each crash when it is over: at Flush, at the head of another one, or
	// after more than MaxOthers other lines in a row. It may keep it. A line that looks
	// like the head of a crash makes none when other output follows and no stack.
	Crash func(*Crash)
	// Goroutine gets each goroutine, when the next one begins or its dump is over, and
	// may keep it. With it set, dumps outside of a crash are read too, and goroutines
	// are passed on without a bound to their number.
	Goroutine func(*Goroutine)

	part []byte // the line that is not at its end yet
	skip bool   // the rest of it is of no interest

	crash  *Crash     // the open one; it has no kind before its head came
	text   *string    // of it, which goes on until an empty line or a stack
	lines  []byte     // of the text
	held   int        // bytes of its goroutines
	signal string     // that a line named
	relay  bool       // the dump of another thread of the same crash follows
	g      *Goroutine // the open one
	fresh  bool       // there is only its header
	into   *Goroutine // what frames belong to: g, one of its ancestors, or system
	size   int        // of g, in bytes

	frames   []Frame   // of into
	place    place     // what the next line with a file is for
	other    []byte    // the line before, if it belongs to nothing
	others   int       // such lines in a row
	dropping bool      // the stack is over a bound
	system   Goroutine // the stack of a thread

	names      names
	labelText  string
	lastLabels []Label
}

const goroutineSize = 192 // bytes of a Goroutine

// Write takes the next part of the output. It never fails.
func (p *Parser) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			p.keep(b)
			break
		}
		p.end(b[:i])
		b = b[i+1:]
	}
	return n, nil
}

// keep stores the beginning of a line.
func (p *Parser) keep(b []byte) {
	if p.skip {
		return
	}
	p.part = append(p.part, b[:min(len(b), MaxLine-len(p.part))]...)
	if p.idle() && len(p.part) >= longestStart && !p.starts(p.part) {
		p.part, p.skip = p.part[:0], true
	}
}

// end takes the last part of a line.
func (p *Parser) end(b []byte) {
	if p.skip {
		p.skip = false
		return
	}
	if len(p.part) > 0 {
		p.keep(b)
		b, p.part = p.part, p.part[:0]
		if p.skip {
			p.skip = false
			return
		}
	}
	p.line(b[:min(len(b), MaxLine)])
}

// idle tells that nothing is open.
func (p *Parser) idle() bool { return p.crash == nil && p.g == nil }

// line takes a line without its newline.
func (p *Parser) line(line []byte) {
	idle := p.idle()
	if idle && !p.starts(line) {
		return
	}
	if len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	switch {
	case len(line) == 0:
		p.said()
	case p.known(line):
		p.others, p.other = 0, p.other[:0]
	case idle: // it only began like one
	default:
		p.other = append(p.other[:0], line[:min(len(line), MaxName)]...)
		if p.others++; p.others > MaxOthers {
			p.over(false)
		}
	}
}

// Flush ends the input, and with it the crash that is open: call it when the process has
// ended, even if another one still holds its output. The parser is as new afterwards.
func (p *Parser) Flush() {
	cut := false
	if len(p.part) > 0 && !p.skip {
		p.line(p.part)
		cut = p.others > 0 // it cannot be read, since its end is missing
	}
	p.part, p.skip = nil, false
	if p.crash != nil && (cut || p.place == placeFrame || p.place == placeCreated || p.fresh) {
		p.crash.Truncated = true
	}
	p.over(true)
	p.signal, p.frames, p.other, p.lines = "", nil, nil, nil
	p.names, p.labelText, p.lastLabels = names{}, "", nil
}

// over ends the crash or dump that is open. last tells that nothing follows.
func (p *Parser) over(last bool) {
	p.said()
	p.close()
	p.others, p.other, p.relay, p.held = 0, p.other[:0], false, 0
	c := p.crash
	p.crash = nil
	if c == nil {
		return
	}
	c.complete()
	if c.Kind != "" && (last || len(c.Goroutines) > 0 || len(c.System) > 0) && p.Crash != nil {
		p.Crash(c)
	}
}

// begin opens the next goroutine.
func (p *Parser) begin(g Goroutine, size int) {
	p.close()
	p.said()
	p.size = size + goroutineSize
	if c := p.crash; p.Goroutine == nil && (len(c.Goroutines) >= MaxGoroutines || p.held > MaxBytes) {
		c.Dropped++
		p.dropping = true
		return
	}
	p.g, p.into, p.fresh = &g, &g, true
}

// close ends the goroutine that is open.
func (p *Parser) close() {
	p.settle()
	g := p.g
	p.g, p.into, p.dropping, p.fresh = nil, nil, false, false
	if g == nil {
		return
	}
	if c := p.crash; c != nil && p.Crash != nil {
		if len(c.Goroutines) < MaxGoroutines && p.held+p.size <= MaxBytes {
			p.held += p.size
			c.Goroutines = append(c.Goroutines, *g)
		} else {
			c.Dropped++
		}
	}
	if p.Goroutine != nil {
		p.Goroutine(g)
	}
}

// settle hands the frames to what they belong to.
func (p *Parser) settle() {
	if p.into != nil && len(p.frames) > 0 {
		p.into.Frames = slices.Clone(p.frames)
		if p.into == &p.system && p.crash != nil && p.crash.System == nil {
			p.crash.System = p.into.Frames
		}
	}
	p.frames, p.place = p.frames[:0], placeNone
}
