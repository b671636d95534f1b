package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/hale-go/hale/internal/nearest"
)

// key returns the name of a field in a file, "" for one that only code can set.
func key(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" || !f.IsExported() {
		return ""
	}
	return name
}

// keys returns the names of a struct's fields in a file.
func keys(t reflect.Type) (out []string) {
	for i := range t.NumField() {
		if k := key(t.Field(i)); k != "" {
			out = append(out, k)
		}
	}
	return out
}

// fields fills a struct.
func (r *reader) fields(v reflect.Value, n ast.Node, p path, at place) {
	t := v.Type()
	r.each(n, p, at, func(name string, pair *ast.MappingValueNode, next path) {
		for i := range t.NumField() {
			if key(t.Field(i)) == name {
				r.value(v.Field(i), pair.Value, next, startOf(pair.Key))
				return
			}
		}
		known := keys(t)
		mend := "use one of " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
		if like := nearest.Name(name, known); like != "" {
			mend = "did you mean " + like + "?"
		}
		r.add(r.fault(startOf(pair.Key), next, nil, errors.New("unknown key"), mend))
	})
}

// entries fills a map.
func (r *reader) entries(v reflect.Value, n ast.Node, p path, at place) {
	t := v.Type()
	if all, _ := pairs(n); len(all) > 0 {
		v.Set(reflect.MakeMap(t))
	}
	r.each(n, p, at, func(name string, pair *ast.MappingValueNode, next path) {
		element := reflect.New(t.Elem()).Elem()
		r.value(element, pair.Value, next, startOf(pair.Key))
		v.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), element)
	})
}

// each calls f for each entry of a section, once for each key.
func (r *reader) each(n ast.Node, p path, at place, f func(name string, pair *ast.MappingValueNode, next path)) {
	all, ok := pairs(n)
	if !ok {
		r.add(r.fault(at, p, scalar(n), errors.New("it is "+kindOf(n)+" and must be a section with keys"), "write key: value, indented, in the lines below"))
		return
	}
	seen := make(map[string]place, len(all))
	for _, pair := range all {
		name := keyOf(pair.Key)
		next := p.then(name)
		if first, twice := seen[name]; twice {
			r.add(r.fault(startOf(pair.Key), next, nil, errors.New("the key is there twice"), fmt.Sprintf("keep one of them: the first is in line %d", first.line)))
			continue
		}
		seen[name] = startOf(pair.Key)
		f(name, pair, next)
	}
}

// elements fills a list.
func (r *reader) elements(v reflect.Value, n ast.Node, p path, at place) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.add(r.fault(at, p, scalar(n), errors.New("it is "+kindOf(n)+" and must be a list"), "write each element in a line of its own after -, or all in [ ]"))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
	for i, element := range list.Values {
		r.value(v.Index(i), element, p.then(i), at)
	}
}
