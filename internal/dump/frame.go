package dump

import (
	"bytes"

	"github.com/hale-go/hale/internal/stack"
)

// place is what a line with a file is the place of.
type place uint8

const (
	placeNone place = iota
	placeFrame
	placeCreated
)

const frameSize = 40 // bytes of a Frame

// function takes a line "main.(*T).run({0x1, ...}, 0x2?)".
func (p *Parser) function(line []byte) bool {
	end := stack.FunctionEnd(line)
	if end == 0 || p.into == nil {
		return end > 0 && p.dropping // of a goroutine that is over the bound
	}
	if p.into.CreatedBy.Func != "" {
		p.lose()
		return p.dropping
	}
	p.push(p.name(line[:end]))
	return true
}

// lose is called where a stack begins below one that is at its end: the header between
// them was torn apart by another writer.
func (p *Parser) lose() {
	p.close()
	if p.crash != nil {
		p.crash.Dropped++
		p.dropping = true
	}
}

// push adds a frame to the stack that is being read.
func (p *Parser) push(name string) {
	p.place = placeNone
	if len(p.frames) == MaxFrames || p.size > MaxStack {
		p.elide(1)
		return
	}
	p.size += frameSize
	p.frames = append(p.frames, Frame{Func: name})
	p.place = placeFrame
}

// elide counts frames that are missing.
func (p *Parser) elide(n int) {
	if p.into != nil && p.into.Elided >= 0 {
		p.into.Elided += n
	}
}

func (p *Parser) name(b []byte) string {
	name, cost := p.names.of(b)
	p.size += cost
	return name
}

// file takes a line "\t/app/main.go:12 +0x1d fp=0x… sp=0x… pc=0x…", with anything in the
// path.
func (p *Parser) file(line []byte) bool {
	path, n, rest, ok := fileLine(line)
	if p.into == nil {
		return ok && p.dropping
	}
	if len(p.other) > 0 && bytes.HasPrefix(rest, []byte("pc=")) {
		return p.foreign(path, n)
	}
	switch {
	case !ok:
		return bytes.HasPrefix(line, []byte("\tgoroutine running on other thread"))
	case p.place == placeFrame:
		f := &p.frames[len(p.frames)-1]
		f.File, f.Line = p.name(path), n
	case p.place == placeCreated:
		p.into.CreatedBy.File, p.into.CreatedBy.Line = p.name(path), n
	default:
		return p.into.Elided != 0 // of a frame over the bound
	}
	p.place = placeNone
	return true
}

// foreign adds a frame of C code. Its name is on the line before, without parentheses,
// so that the line could not be told from anybody else's.
func (p *Parser) foreign(path []byte, n int) bool {
	name := unnamed
	if !bytes.Equal(p.other, wordForeign) {
		name = p.name(append([]byte("C."), p.other...))
	}
	p.other = p.other[:0]
	if p.push(name); p.place == placeFrame {
		f := &p.frames[len(p.frames)-1]
		f.File, f.Line = p.name(path), n
	}
	p.place = placeNone
	return true
}

var wordForeign = []byte("non-Go function")

// fileLine takes "\tpath:12 rest" apart. There may be colons and spaces in the path.
func fileLine(line []byte) (path []byte, n int, rest []byte, ok bool) {
	line = line[1:]
	colon := bytes.LastIndexByte(line, ':')
	if colon < 0 {
		return nil, 0, line, false
	}
	v, digits := number(line[colon+1:])
	rest = line[colon+1+digits:]
	if colon == 0 || digits == 0 || digits > 9 || len(rest) > 0 && rest[0] != ' ' {
		return nil, 0, nil, false
	}
	return line[:colon], int(v), bytes.TrimPrefix(rest, []byte(" ")), true
}

// createdBy takes a line "created by main.serve in goroutine 1"; before Go 1.21 it ends
// with the function.
func (p *Parser) createdBy(line []byte) bool {
	name, ok := bytes.CutPrefix(line, []byte("created by "))
	if !ok || len(name) == 0 || p.into == nil {
		return ok && p.dropping
	}
	if i := bytes.LastIndex(name, []byte(" in goroutine ")); i > 0 {
		if id, digits := number(name[i+len(" in goroutine "):]); digits > 0 {
			p.into.CreatedIn, name = id, name[:i]
		}
	}
	p.into.CreatedBy = Frame{Func: p.name(name)}
	p.place = placeCreated
	return true
}

// ancestor takes a line "[originating from goroutine 7]:", after which the stack of the
// go statement follows.
func (p *Parser) ancestor(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("[originating from goroutine "))
	if !ok || p.g == nil {
		return ok && p.dropping
	}
	id, digits := number(rest)
	if digits == 0 {
		return false
	}
	p.settle()
	if len(p.g.Ancestors) == MaxAncestors || p.size > MaxStack {
		p.into = &Goroutine{} // of which nobody asks
		return true
	}
	p.size += goroutineSize
	p.g.Ancestors = append(p.g.Ancestors, Goroutine{ID: id})
	p.into = &p.g.Ancestors[len(p.g.Ancestors)-1]
	return true
}

// elision takes a line "...23 frames elided..." or "...additional frames elided...".
func (p *Parser) elision(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("..."))
	rest, end := bytes.CutSuffix(rest, []byte(" frames elided..."))
	if !ok || !end || p.into == nil {
		return ok && end && p.dropping
	}
	if n, digits := number(rest); digits > 0 && n < 1<<31 {
		p.elide(int(n))
	} else {
		p.into.Elided = -1
	}
	p.place = placeNone
	return true
}
