package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// text returns the value of a node that is a text.
func text(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func isScalar(n ast.Node) bool {
	_, ok := n.(ast.ScalarNode)
	return ok
}

// scalar returns the value of a node for an error, nil for a map or list.
func scalar(n ast.Node) any {
	switch n := n.(type) {
	case *ast.StringNode:
		return shown(n.Value)
	case *ast.LiteralNode:
		return shown(n.Value.Value)
	case *ast.NullNode:
		return nil
	case ast.ScalarNode:
		return n.GetValue()
	}
	return nil
}

// kindOf says what a node is, for people.
func kindOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		if n.Token != nil && (n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType) {
			return fmt.Sprintf("the text %q in quotes", shown(n.Value))
		}
		return fmt.Sprintf("the text %q", shown(n.Value))
	case *ast.LiteralNode:
		return "a text of several lines"
	case *ast.IntegerNode:
		return fmt.Sprintf("the number %v", n.Value)
	case *ast.FloatNode:
		return fmt.Sprintf("the number %v", n.Value)
	case *ast.BoolNode:
		return fmt.Sprintf("%v", n.Value)
	case *ast.InfinityNode, *ast.NanNode:
		return "no finite number"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a section with keys"
	case *ast.SequenceNode:
		return "a list"
	}
	return "something else"
}

var days = regexp.MustCompile(`^([0-9]+) ?(d|days?)$`)

// duration reads a duration with a unit. 0 needs none.
func duration(n ast.Node) (d time.Duration, what, mend string) {
	const example = "write a duration with a unit, such as 500ms, 5s or 1m30s"
	var s string
	switch n := n.(type) {
	case *ast.IntegerNode:
		if s = fmt.Sprint(n.Value); s == "0" {
			return 0, "", ""
		}
	case *ast.FloatNode:
		s = strings.TrimSpace(n.Token.Value)
	case *ast.StringNode:
		s = n.Value
	default:
		return 0, "it is " + kindOf(n) + " and must be a duration", example
	}
	d, err := time.ParseDuration(s)
	if err == nil {
		return d, "", ""
	}
	if _, err := time.ParseDuration(s + "s"); err == nil { // a number
		if strings.HasPrefix(s, "-") {
			return 0, s + " has no unit", example
		}
		return 0, s + " has no unit", "write " + s + "s"
	}
	if m := days.FindStringSubmatch(s); m != nil && len(m[1]) < 4 {
		var n int
		_, _ = fmt.Sscan(m[1], &n)
		return 0, fmt.Sprintf("%q is no duration", s), fmt.Sprintf("write %dh: the units are h, m, s, ms, us and ns", 24*n)
	}
	if tight := strings.ReplaceAll(s, " ", ""); tight != s {
		if _, err := time.ParseDuration(tight); err == nil {
			return 0, fmt.Sprintf("%q is no duration", shown(s)), "write " + tight
		}
	}
	return 0, fmt.Sprintf("%q is no duration", shown(s)), example
}
