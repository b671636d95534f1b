package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// reader fills Go values from the nodes of a document. It notes every mistake and goes
// on behind it.
type reader struct {
	*document
	mistakes
}

// into fills what v points to.
func (d *document) into(v any) error {
	r := reader{document: d}
	if d.body != nil {
		r.value(reflect.ValueOf(v).Elem(), d.body, nil, startOf(d.body))
	}
	return r.err()
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value fills v from a node. at is where to point if the node says nothing of its place.
func (r *reader) value(v reflect.Value, n ast.Node, p path, at place) {
	if from := startOf(n); from != (place{}) {
		at = from
	}
	bad := func(text, mend string) { r.add(r.fault(at, p, scalar(n), errors.New(text), mend)) }
	null := n == nil || n.Type() == ast.NullType
	switch t := v.Type(); {
	case null && t.Kind() == reflect.Struct, null && t.Kind() == reflect.Map:
		// A section whose keys are all commented out.
	case null && t.Kind() == reflect.Pointer:
		bad("it has no value", "write {} for its defaults, or leave the key out for none")
	case null && t.Kind() == reflect.Slice:
		bad("it has no value", "write [] for an empty list, or leave the key out for the default")
	case null:
		bad("it has no value", "write one, or leave the key out for the default")
	case t.Kind() == reflect.Pointer:
		made := reflect.New(t.Elem())
		r.value(made.Elem(), n, p, at)
		v.Set(made)
	case t == durationType:
		d, text, mend := duration(n)
		if text != "" {
			bad(text, mend)
			return
		}
		v.SetInt(int64(d))
	case reflect.PointerTo(t).Implements(textType):
		s, ok := text(n)
		if !ok {
			bad("it is "+kindOf(n)+" and must be a word", "write one of its words, as docs/config.md lists them")
			return
		}
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
			what, mend := parted(err)
			bad(what, mend)
		}
	case t.Kind() == reflect.Struct:
		r.fields(v, n, p, at)
	case t.Kind() == reflect.Map:
		r.entries(v, n, p, at)
	case t.Kind() == reflect.Slice:
		r.elements(v, n, p, at)
	default:
		if what, mend := setScalar(v, n); what != "" {
			bad(what, mend)
		}
	}
}

// parted returns what is wrong and the mend of errors that read "package: what: mend".
func parted(err error) (what, mend string) {
	_, rest, _ := strings.Cut(err.Error(), ": ")
	what, mend, ok := strings.Cut(rest, ": ")
	if !ok {
		return err.Error(), "write another value"
	}
	_, what, _ = strings.Cut(what, " ") // what it is about stands in the path
	return "it " + what, mend
}

// setScalar sets a text, number or switch.
func setScalar(v reflect.Value, n ast.Node) (what, mend string) {
	switch v.Kind() {
	case reflect.String:
		s, ok := text(n)
		if !ok {
			mend = "write a text"
			if tk := n.GetToken(); isScalar(n) && tk != nil {
				mend = fmt.Sprintf("write %q, in quotes", strings.TrimSpace(tk.Value))
			}
			return "it is " + kindOf(n) + " and must be a text", mend
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			return "it is " + kindOf(n) + " and must be true or false", "write true or false, without quotes"
		}
		v.SetBool(b.Value)
	case reflect.Int:
		return setInt(v, n)
	case reflect.Float64:
		return setFloat(v, n)
	default: // a setting of a new type, which the test of all keys finds
		return "this package cannot read it", "set it in code"
	}
	return "", ""
}

func setInt(v reflect.Value, n ast.Node) (what, mend string) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		if octal.MatchString(n.Token.Value) { // of old YAML, and few who write it mean it
			return fmt.Sprintf("%s is the number %v to base 8", n.Token.Value, n.Value), "write it without the 0 in front, or to base 8 as 0o…"
		}
		switch i := n.Value.(type) {
		case int64:
			if !v.OverflowInt(i) {
				v.SetInt(i)
				return "", ""
			}
		case uint64:
			if i <= math.MaxInt64 && !v.OverflowInt(int64(i)) {
				v.SetInt(int64(i))
				return "", ""
			}
		}
		return "it is too large a number", "write a smaller one"
	case *ast.FloatNode:
		return "it is a fraction and must be a whole number", fmt.Sprintf("write %.0f", n.Value)
	case *ast.StringNode:
		if wholeNumber.MatchString(n.Token.Origin) {
			return "it is too large a number", "write a smaller one"
		}
	}
	return "it is " + kindOf(n) + " and must be a whole number", "write a number, without quotes and units"
}

// octal matches one to base 8 that does not look like it.
var octal = regexp.MustCompile(`^[-+]?0[0-9_]+$`)

// wholeNumber matches what would be one if it were smaller.
var wholeNumber = regexp.MustCompile(`^\s*[-+]?[0-9]+\s*$`)

func setFloat(v reflect.Value, n ast.Node) (what, mend string) {
	switch n := n.(type) {
	case *ast.FloatNode:
		v.SetFloat(n.Value)
		return "", ""
	case *ast.IntegerNode:
		switch i := n.Value.(type) {
		case int64:
			v.SetFloat(float64(i))
			return "", ""
		case uint64:
			v.SetFloat(float64(i))
			return "", ""
		}
	case *ast.StringNode:
		var percent float64
		if _, err := fmt.Sscanf(n.Value, "%g%%", &percent); err == nil {
			return "it is " + kindOf(n) + " and must be a number", fmt.Sprintf("write %g", percent/100)
		}
	}
	return "it is " + kindOf(n) + " and must be a number", "write a number such as 0.1, without quotes"
}
