package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/heal"
)

// locate turns an error about a setting into one about its place in the document. Any
// other error it returns as it is.
func (d *document) locate(err error) error {
	field, mend := "", ""
	var value any
	var why error
	if bad, ok := errors.AsType[*hale.ConfigError](err); ok && strings.HasPrefix(bad.Field, "Config") {
		field, value, why, mend = bad.Field, bad.Value, bad.Err, bad.Mend
	} else if bad, ok := errors.AsType[*heal.PolicyError](err); ok {
		field, value, why, mend = "Config.Policy."+bad.Field, bad.Value, bad.Err, bad.Mend
	}
	p, within := pathOf(field)
	if p == nil {
		return err
	}
	at, there := find(d.body, p)
	what := "it must be given"
	switch {
	case why != nil:
		what = why.Error()
	case value != nil && reflect.TypeOf(value).Kind() == reflect.Struct:
		what = "it cannot be used as it is"
	case there || !zero(value):
		what = "it is " + quoted(value) + ", which cannot be used"
	}
	return d.fault(at, p, value, said{what, err}, inYAML(mend, within))
}

func zero(v any) bool { return v == nil || reflect.ValueOf(v).IsZero() }

func quoted(v any) string {
	switch _, named := v.(fmt.Stringer); {
	case v == nil:
		return "nothing"
	case !named && reflect.TypeOf(v).Kind() == reflect.String:
		return fmt.Sprintf("%q", shown(reflect.ValueOf(v).String()))
	}
	return fmt.Sprint(v)
}

var goStep = regexp.MustCompile(`^(?:\.(\w+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\])`)

// pathOf returns the path in a document of what is Config.A["b"].C in Go, and the
// struct that the last step is a field of; nil if it is no such thing.
func pathOf(field string) (p path, within reflect.Type) {
	rest, ok := strings.CutPrefix(field, "Config")
	if !ok || rest == "" {
		return nil, nil
	}
	t := reflect.TypeFor[hale.Config]()
	within = t
	for rest != "" {
		m := goStep.FindStringSubmatch(rest)
		if m == nil {
			return nil, nil
		}
		rest = rest[len(m[0]):]
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch {
		case m[1] != "" && t.Kind() == reflect.Struct:
			f, ok := t.FieldByName(m[1])
			if !ok || key(f) == "" {
				return nil, nil
			}
			p, within, t = p.then(key(f)), t, f.Type
		case m[2] != "" && t.Kind() == reflect.Slice:
			i, err := strconv.Atoi(m[2])
			if err != nil {
				return nil, nil
			}
			p, t = p.then(i), t.Elem()
			within = t
		case m[3] != "" && t.Kind() == reflect.Map:
			k, err := strconv.Unquote(m[3])
			if err != nil {
				return nil, nil
			}
			p, t = p.then(k), t.Elem()
			within = t
		default:
			return nil, nil
		}
	}
	return p, within
}

// find returns where the value of a path stands, else where what is nearest around it
// does.
func find(n ast.Node, p path) (at place, there bool) {
	at = startOf(n)
	for _, step := range p {
		found := false
		switch step := step.(type) {
		case string:
			all, _ := pairs(n)
			for _, pair := range all {
				if keyOf(pair.Key) == step {
					if n, found = pair.Value, true; scalar(n) != nil {
						at = startOf(n)
					} else { // the value of a section is its first key, which says less
						at = startOf(pair.Key)
					}
					break
				}
			}
		case int:
			if list, ok := n.(*ast.SequenceNode); ok && step < len(list.Values) {
				n, found = list.Values[step], true
				at = startOf(n)
			}
		}
		if !found {
			return at, false
		}
	}
	return at, true
}

var (
	goField = regexp.MustCompile(`Config(?:\.\w+|\[\d+\]|\["(?:[^"\\]|\\.)*"\])+`)
	goWord  = regexp.MustCompile(`\b[A-Z]\w*\b`)
)

// inYAML writes a mend with the names that fields have in a file.
func inYAML(mend string, within reflect.Type) string {
	mend = goField.ReplaceAllStringFunc(mend, func(field string) string {
		if p, _ := pathOf(field); p != nil {
			return strings.TrimPrefix(p.String(), "$.")
		}
		return field
	})
	for within != nil && within.Kind() == reflect.Pointer {
		within = within.Elem()
	}
	if within == nil || within.Kind() != reflect.Struct {
		return mend
	}
	return goWord.ReplaceAllStringFunc(mend, func(word string) string {
		if f, ok := within.FieldByName(word); ok && key(f) != "" {
			return key(f)
		}
		return word
	})
}
