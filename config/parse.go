package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a document. Settings are about six levels deep; the parser calls itself for
// each level, and a stack that overflows takes the process down.
const (
	maxDeep   = 32  // [ and { within one another, and the - and : of one line
	maxIndent = 128 // columns before the first word of a line

	// maxParts is how many keys and elements a file may have. The parser needs four times
	// as long for twice as many; for so many it takes seconds.
	maxParts = 1 << 13
)

// parse turns data into a document. All that makes a document expand or nest is refused
// before the parser sees it.
func parse(name string, data []byte) (doc *document, err error) {
	doc = &document{name: name}
	if len(data) > maxBytes {
		return nil, tooLarge(name)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bad := doc.checkText(data); bad != nil {
		return nil, bad
	}
	defer func() { // it is another's code, and its input anybody's
		if v := recover(); v != nil {
			doc, err = nil, &Error{File: name, Err: fmt.Errorf("the YAML parser broke: %.200v", v), Mend: "take out what is unusual in the file, part by part"}
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if bad := doc.checkTokens(tokens); bad != nil {
		return nil, bad
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, doc.syntax(err, data)
	}
	for _, d := range file.Docs {
		if _, comment := d.Body.(*ast.CommentGroupNode); d.Body == nil || comment {
			continue
		}
		if doc.body != nil {
			return nil, doc.fault(startOf(d.Body), nil, nil, errors.New("a second document begins"), "keep one document, and take the --- before it out")
		}
		doc.body = d.Body
	}
	return doc, nil
}

// checkText refuses what is no text.
func (d *document) checkText(data []byte) *Error {
	p := place{1, 1}
	for rest := data; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && n == 1 && d.utf16(data):
			return &Error{File: d.name, Err: errors.New("it is in UTF-16"), Mend: "save it as UTF-8"}
		case r == utf8.RuneError && n == 1:
			return d.fault(p, nil, nil, fmt.Errorf("the byte %#02x is no UTF-8", rest[0]), "save the file as UTF-8")
		case r < ' ' && r != '\n' && r != '\r' && r != '\t', r == 0x7f:
			return d.fault(p, nil, nil, fmt.Errorf("there is a control character, %U", r), "take it out; in double quotes it can be written as \\x"+fmt.Sprintf("%02x", r))
		}
		if p.column++; r == '\n' {
			p = place{p.line + 1, 1}
		}
		rest = rest[n:]
	}
	return nil
}

func (*document) utf16(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff})
}

// checkTokens refuses what this package does without, and what nests too deep.
func (d *document) checkTokens(tokens token.Tokens) *Error {
	flow, line, marks, parts := 0, 0, 0, 0
	began, over := false, false
	for _, tk := range tokens {
		at := placeOf(tk)
		switch { // the parser leaves out what follows an empty document
		case tk.Type == token.CommentType:
		case tk.Type == token.DocumentEndType:
			over = began
		case over, began && tk.Type == token.DocumentHeaderType:
			return d.fault(at, nil, nil, errors.New("a second document begins"), "keep one document, and take the --- before it out")
		default:
			began = true
		}
		if plain(tk) && strings.Contains(strings.TrimSpace(tk.Origin), "\t") {
			return d.fault(at, nil, nil, errors.New("there is a tab within a value or key"), "write a space, or nothing; in quotes, \\t")
		}
		if at.line != line {
			if line, marks = at.line, 0; flow == 0 && at.column > maxIndent && structural(tk) {
				return d.fault(at, nil, nil, errors.New("it nests too deep"), "indent less; settings are six levels deep at most")
			}
		}
		what, mend := "", "write the settings out: each has one place in the file"
		switch tk.Type {
		case token.AnchorType:
			what = "an anchor (&)"
		case token.AliasType:
			what = "an alias (*)"
			mend += `; a text that begins with * goes in quotes, as in "*"`
		case token.MergeKeyType:
			what = "a merge key (<<)"
		case token.TagType:
			what, mend = "a tag (!)", "leave it out; a text that begins with ! goes in quotes"
		case token.DirectiveType:
			what, mend = "a directive (%)", "leave it out; a text that begins with % goes in quotes"
		case token.MappingKeyType:
			what, mend = "a key after ?", "write it as key: value"
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(flow-1, 0)
		case token.CollectEntryType:
			parts++
		case token.SequenceEntryType, token.MappingValueType:
			if parts++; flow == 0 {
				marks++
			}
		}
		switch {
		case what != "":
			return d.fault(at, nil, nil, errors.New(what+" is not allowed here"), mend)
		case flow > maxDeep || marks > maxDeep:
			return d.fault(at, nil, nil, errors.New("it nests too deep"), "settings are six levels deep at most")
		case parts > maxParts:
			return d.fault(at, nil, nil, fmt.Errorf("it has more than %d keys and elements", maxParts), "set what is the same for many domains in the domain around them, or give the settings in code")
		}
	}
	return nil
}

// plain reports whether a token is a value or key without quotes. In one the parser leaves
// out tabs, which makes another of it.
func plain(tk *token.Token) bool {
	switch tk.Type {
	case token.SingleQuoteType, token.DoubleQuoteType, token.CommentType, token.LiteralType, token.FoldedType:
		return false
	}
	return tk.Prev == nil || tk.Prev.Type != token.LiteralType && tk.Prev.Type != token.FoldedType
}

// structural reports whether a token may begin another level.
func structural(tk *token.Token) bool {
	return tk.Type == token.SequenceEntryType || tk.Next != nil && tk.Next.Type == token.MappingValueType
}

// syntax tells of what is no YAML.
func (d *document) syntax(err error, data []byte) error {
	e := &Error{File: d.name, Err: said{"it is no YAML", err}, Mend: "check the indentation, the quotes and the spaces after : around there"}
	if bad, ok := errors.AsType[yaml.Error](err); ok {
		at := placeOf(bad.GetToken())
		e.Line, e.Column = at.line, at.column
		e.Err = said{"it is no YAML: " + bad.GetMessage(), err}
		if lines := strings.Split(string(data), "\n"); at.line > 0 && at.line <= len(lines) && indentedByTab(lines[max(at.line-2, 0):at.line]) {
			e.Mend = "indent with spaces: tabs are not allowed there"
		}
	}
	return e
}

func indentedByTab(lines []string) bool {
	for _, l := range lines {
		if indent := l[:len(l)-len(strings.TrimLeft(l, " \t"))]; strings.Contains(indent, "\t") {
			return true
		}
	}
	return false
}
