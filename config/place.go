package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// place is where something stands, both from 1; 0: nowhere in particular.
type place struct{ line, column int }

func placeOf(tk *token.Token) place {
	if tk == nil || tk.Position == nil {
		return place{}
	}
	return place{tk.Position.Line, tk.Position.Column}
}

// startOf returns where a node begins. The token of a map is its first colon.
func startOf(n ast.Node) place {
	switch n := n.(type) {
	case nil:
		return place{}
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return startOf(n.Values[0])
		}
		return placeOf(n.Start)
	case *ast.MappingValueNode:
		return startOf(n.Key)
	case *ast.LiteralNode:
		return placeOf(n.Start)
	}
	return placeOf(n.GetToken())
}

// pairs returns the entries of a map.
func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// keyOf returns the text of a key.
func keyOf(n ast.MapKeyNode) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case nil:
		return ""
	}
	if tk := n.GetToken(); tk != nil {
		return strings.TrimSpace(tk.Value)
	}
	return ""
}

// path leads from the top of a document to one of its values: a string is a key, an
// int the place in a list.
type path []any

// then returns the path to what lies one step on.
func (p path) then(step any) path { return append(p[:len(p):len(p)], step) }

var plainKey = regexp.MustCompile(`^[\pL\pN_-]+$`)

// maxShown is how many bytes of a text from the file are shown.
const maxShown = 100

func (p path) String() string {
	var s strings.Builder
	s.WriteString("$")
	for _, step := range p {
		switch key := step.(type) {
		case int:
			fmt.Fprintf(&s, "[%d]", key)
		case string:
			if key = shown(key); !plainKey.MatchString(key) {
				key = "'" + strings.ReplaceAll(key, "'", `\'`) + "'"
			}
			s.WriteString("." + key)
		}
	}
	return s.String()
}

// shown returns a text of the file as an error shows it.
func shown(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}
