package dump

import (
	"bytes"
	"strings"
)

// The beginnings of lines that a crash can begin with.
var (
	startPanic     = []byte("panic: ")
	startFatal     = []byte("fatal error: ")
	startRuntime   = []byte("runtime: ")
	startCgo       = []byte("runtime/cgo: ")
	startFault     = []byte("unexpected fault address ")
	startSignal    = []byte("SIG")
	startNumber    = []byte("Signal ")
	startException = []byte("Exception 0x") // of Windows
	startPC        = []byte("PC=0x")        // after a signal
)

// longestStart is as much of a line as must be known to tell whether it is of interest.
const longestStart = len("unexpected fault address ")

// starts tells whether something may begin with the line while nothing is open.
func (p *Parser) starts(line []byte) bool {
	if len(line) == 0 {
		return false
	}
	switch line[0] {
	case 'p':
		return bytes.HasPrefix(line, startPanic)
	case 'f':
		return bytes.HasPrefix(line, startFatal)
	case 'g':
		return p.Goroutine != nil && bytes.HasPrefix(line, wordGoroutine)
	case 'r':
		return bytes.HasPrefix(line, startRuntime) || bytes.HasPrefix(line, startCgo)
	case 'u':
		return bytes.HasPrefix(line, startFault)
	case 'S':
		return bytes.HasPrefix(line, startSignal) || bytes.HasPrefix(line, startNumber)
	case 'E':
		return bytes.HasPrefix(line, startException)
	case 'P':
		return p.signal != "" && bytes.HasPrefix(line, startPC)
	}
	return false
}

// head takes a line that a crash begins with, or that belongs to its beginning.
func (p *Parser) head(line []byte) bool {
	if rest, ok := bytes.CutPrefix(line, startPanic); ok {
		p.open(Panic, rest)
		return true
	}
	if rest, ok := bytes.CutPrefix(line, startFatal); ok {
		p.open(kindOf(string(rest)), rest)
		return true
	}
	switch {
	case bytes.HasPrefix(line, startRuntime), bytes.HasPrefix(line, startCgo), bytes.HasPrefix(line, startFault):
		if p.idle() {
			p.crash = &Crash{} // whose head should follow
		}
		p.note(line)
	case bytes.HasPrefix(line, startSignal), bytes.HasPrefix(line, startNumber), bytes.HasPrefix(line, startException):
		name := signalName(line)
		if name == "" {
			return false
		}
		p.signal = name // if a PC follows: else somebody writes of a signal
	case bytes.HasPrefix(line, startPC) && p.signal != "":
		if !p.relay {
			p.open(Signal, nil)
			p.said()
			p.crash.Signal = p.signal
		}
		p.signal, p.relay = "", false
	default:
		return false
	}
	return true
}

// open begins a crash. What the runtime said just before belongs to it.
func (p *Parser) open(kind Kind, message []byte) {
	if p.crash != nil && (p.crash.Kind != "" || len(p.crash.Goroutines) > 0) || p.g != nil {
		p.over(false)
	}
	if p.crash == nil {
		p.crash = &Crash{}
	}
	p.relay, p.crash.Kind = false, kind
	p.say(&p.crash.Message, message)
}

// say begins the text of a panic or fatal error, which may go on.
func (p *Parser) say(where *string, first []byte) {
	p.said()
	p.text, p.lines = where, append(p.lines[:0], first[:min(len(first), MaxMessage)]...)
}

// said ends the text that is open.
func (p *Parser) said() {
	if p.text != nil {
		*p.text, p.text = text(p.lines), nil
	}
}

// more takes a line of the text of a panic or fatal error: what follows its first one is
// indented, and so is the next panic, raised while this one was handled.
func (p *Parser) more(line []byte) bool {
	c := p.crash
	kind, rest := Panic, line[1:]
	message, ok := bytes.CutPrefix(rest, startPanic)
	if !ok {
		if message, ok = bytes.CutPrefix(rest, startFatal); ok {
			kind = kindOf(string(message))
		}
	}
	switch {
	case !ok:
		p.append(rest)
	case len(c.Nested) < MaxNested:
		p.said()
		c.Kind, c.Nested = kind, append(c.Nested, "")
		p.say(&c.Nested[len(c.Nested)-1], message)
	}
	return true
}

// rejoined takes the text of a fatal error that another writer has cut off from its head: the
// runtime writes the two one after the other, and a log or the race detector may come between.
func (p *Parser) rejoined(line []byte) bool {
	c := p.crash
	if c == nil || c.Kind != Fatal || len(c.Nested) > 0 || p.into != nil || len(c.Goroutines) > 0 {
		return false
	}
	for _, k := range fatalKinds {
		if bytes.HasPrefix(line, []byte(k.text)) || k.kind == Deadlock && bytes.HasSuffix(line, []byte(k.text)) {
			c.Kind = k.kind
			p.say(&c.Message, line)
			return true
		}
	}
	return false
}

// append adds a line to the text that goes on.
func (p *Parser) append(line []byte) {
	if room := MaxMessage - len(p.lines) - 1; room > 0 {
		p.lines = append(append(p.lines, '\n'), line[:min(len(line), room)]...)
	}
}

func (p *Parser) note(line []byte) {
	if p.crash != nil && len(p.crash.Notes) < MaxNested {
		p.crash.Notes = append(p.crash.Notes, text(line[:min(len(line), MaxName)]))
	}
}

// signalName returns "SIGQUIT" of "SIGQUIT: quit", or the number of a signal or exception
// without a name.
func signalName(line []byte) string {
	s := string(line[:min(len(line), 64)])
	if number, ok := strings.CutPrefix(s, "Signal "); ok && number != "" && strings.Trim(number, "0123456789") == "" {
		return number
	}
	if code, ok := strings.CutPrefix(s, "Exception "); ok {
		code, _, _ = strings.Cut(code, " ")
		return code
	}
	name, _, _ := strings.Cut(s, ":")
	if len(name) < 5 || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-") != "" {
		return ""
	}
	return name
}
