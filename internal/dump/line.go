package dump

import "bytes"

// known takes a line that belongs to a crash or dump, and reports false for any other.
func (p *Parser) known(line []byte) bool {
	switch line[0] {
	case '\t':
		if p.text != nil && p.into == nil {
			return p.more(line)
		}
		return p.stacked(p.file(line))
	case 'g':
		if g, size, ok := p.header(line); ok {
			p.begin(g, size)
			return true
		}
	case 'c':
		if p.createdBy(line) {
			return p.stacked(true)
		}
	case '[':
		if p.ancestor(line) || p.raised(line) {
			return true
		}
	case '.':
		if p.elision(line) {
			return p.stacked(true)
		}
	case 'p', 'f', 'r', 'u', 'S', 'E', 'P':
		if p.head(line) {
			return true
		}
	}
	if p.function(line) {
		return p.stacked(true)
	}
	if p.text != nil && p.crash.Kind == Panic && p.into == nil {
		p.append(line) // as before Go 1.23, which did not indent it; it may be anybody's
		return false
	}
	return p.rejoined(line) || p.aside(line)
}

// stacked notes that there is more than a header.
func (p *Parser) stacked(ok bool) bool {
	if ok {
		p.fresh = false
	}
	return ok
}

// raised takes a line "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48d2a3]".
func (p *Parser) raised(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("[signal "))
	if !ok || p.crash == nil {
		return false
	}
	p.said()
	if i := bytes.IndexAny(rest, ": "); i > 0 {
		p.crash.Signal = text(rest[:min(i, MaxName)])
	}
	return true
}

// aside takes the lines around the stacks.
func (p *Parser) aside(line []byte) bool {
	switch {
	case bytes.Equal(line, []byte("runtime stack:")):
		if p.crash == nil {
			return false
		}
		p.said()
		p.close()
		p.system = Goroutine{}
		p.into, p.size = &p.system, 0
	case bytes.HasPrefix(line, []byte("non-Go function at pc=")):
		if p.into == nil {
			return p.dropping
		}
		p.push(unnamed)
		p.place, p.fresh = placeNone, false
	case bytes.Equal(line, []byte("-----")): // with GOTRACEBACK=crash
		p.relay = p.crash != nil
	case bytes.HasPrefix(line, []byte("exit status ")):
		if p.crash == nil || p.crash.Kind == "" {
			return false
		}
		p.over(true)
	case bytes.Equal(line, []byte("signal arrived during cgo execution")),
		bytes.Equal(line, []byte("panic during panic")),
		bytes.Equal(line, []byte("stack trace unavailable")):
		p.note(line)
	case bytes.HasPrefix(line, []byte("instruction bytes:")), bytes.HasPrefix(line, []byte("stack: frame={")), register(line):
	default:
		return false
	}
	return true
}

// register tells whether the line is one of the processor's registers or of the memory
// around a broken stack: "rax    0x0", "0x000000c000046f28:  0x…".
func register(line []byte) bool {
	name, value, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(name) < 2 {
		return false
	}
	if bytes.HasPrefix(name, []byte("0x")) {
		return name[len(name)-1] == ':'
	}
	for _, b := range name {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') {
			return false
		}
	}
	value, ok = bytes.CutPrefix(bytes.TrimLeft(value, " "), []byte("0x"))
	return ok && len(value) > 0 && len(value) <= 16 && len(bytes.Trim(value, "0123456789abcdef")) == 0
}
