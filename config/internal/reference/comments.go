package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

// module is the path of the packages whose settings are listed.
const module = "github.com/hale-go/hale"

// comments holds what the source says of types and fields.
type comments struct {
	root   string // the folder of the module
	parsed map[string]map[string]*ast.TypeSpec
	docs   map[*ast.TypeSpec]string
}

// of returns the declaration of a type.
func (c *comments) of(t reflect.Type) (*ast.TypeSpec, error) {
	dir := strings.TrimPrefix(strings.TrimPrefix(t.PkgPath(), module), "/")
	types, ok := c.parsed[dir]
	if !ok {
		types = map[string]*ast.TypeSpec{}
		files, err := filepath.Glob(filepath.Join(c.root, dir, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			c.collect(types, file)
		}
		c.parsed[dir] = types
	}
	spec := types[t.Name()]
	if spec == nil {
		return nil, fmt.Errorf("reference: the source of %s is not in %s", t, filepath.Join(c.root, dir))
	}
	return spec, nil
}

func (c *comments) collect(types map[string]*ast.TypeSpec, file *ast.File) {
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		for _, spec := range gen.Specs {
			s := spec.(*ast.TypeSpec)
			types[s.Name.Name] = s
			c.docs[s] = gen.Doc.Text() + s.Doc.Text()
		}
	}
}

// field is one or more fields that share a comment.
type field struct {
	names []string // in Go
	text  string
}

// fields returns the fields of a struct in order. Those without a comment that follow
// one directly are meant by its comment too.
func fields(spec *ast.TypeSpec) (out []field) {
	st, ok := spec.Type.(*ast.StructType)
	if !ok {
		return nil
	}
	for _, f := range st.Fields.List {
		text := strings.TrimSpace(f.Doc.Text() + f.Comment.Text())
		for _, name := range f.Names {
			if n := len(out); text == "" && n > 0 && mentions(out[n-1].text, name.Name) {
				out[n-1].names = append(out[n-1].names, name.Name)
				continue
			}
			out = append(out, field{[]string{name.Name}, text})
		}
	}
	return out
}

func mentions(text, name string) bool {
	return regexp.MustCompile(`\b` + name + `\b`).MatchString(text)
}

var (
	defaults = regexp.MustCompile(`(?:^|\s)Default(?: and longest)?: (.+?)\.(?:\s|$)`)
	link     = regexp.MustCompile(`\[([A-Za-z][\w.]*)\]`)
	spaces   = regexp.MustCompile(`\s+`)
)

// parts splits a comment into what it says and the default.
func parts(text string) (meaning, byDefault string) {
	text = spaces.ReplaceAllString(text, " ")
	if m := defaults.FindStringSubmatchIndex(text); m != nil {
		byDefault = text[m[2]:m[3]]
		if !strings.Contains(text[m[0]:m[2]], "longest") {
			text = strings.TrimSpace(text[:m[0]] + " " + text[m[1]:])
		}
	}
	return strings.TrimSpace(text), byDefault
}

// plain writes a comment for readers of the list: no links of Go, and keys in place of
// the names of fields.
func plain(text string, keys map[string]string) string {
	text = link.ReplaceAllString(spaces.ReplaceAllString(text, " "), "$1")
	text = regexp.MustCompile(`\b[A-Z]\w*\b`).ReplaceAllStringFunc(text, func(word string) string {
		if key := keys[word]; key != "" {
			return "`" + key + "`"
		}
		return word
	})
	return strings.ReplaceAll(strings.TrimSpace(text), "|", `\|`)
}
