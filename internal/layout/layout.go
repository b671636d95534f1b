package layout

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Check reads all Go files under root, the top of the repository, and returns
// what breaks a rule, one sentence each, in the order of the files. Folders
// that the go command skips (testdata, vendor, and names that start with a dot
// or an underscore) and node_modules are left out.
func Check(root fs.FS) ([]string, error) {
	c := checker{root: root}
	if err := fs.WalkDir(root, ".", c.visit); err != nil {
		return nil, err
	}
	for _, dir := range c.dirs {
		if pkg := c.packages[dir]; !pkg.documented {
			c.report("%s: the package has no %s with a package comment", dir, strings.Join(pkg.docFiles(), " or "))
		}
	}
	return c.problems, nil
}

type checker struct {
	root     fs.FS
	problems []string
	dirs     []string // keys of packages, in the order they were met
	packages map[string]*pkg
}

// pkg is what is known of a package that has files other than tests.
type pkg struct {
	name       string
	documented bool
}

// docFiles returns the files that may hold the package comment.
func (p *pkg) docFiles() []string {
	if p.name == "main" {
		return []string{"doc.go", "main.go"}
	}
	return []string{"doc.go"}
}

func (c *checker) report(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *checker) visit(name string, d fs.DirEntry, err error) error {
	switch {
	case err != nil:
		return err
	case d.IsDir():
		if skipped(d.Name()) {
			return fs.SkipDir
		}
		c.checkName(name)
		return nil
	case path.Ext(name) != ".go":
		return nil
	}
	src, err := fs.ReadFile(c.root, name)
	if err != nil {
		return err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return err
	}
	c.checkName(name)
	c.checkLength(name, src, file)
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if why := forbidden(name, imported); why != "" {
			c.report("%s imports %s: %s", fset.Position(spec.Pos()), imported, why)
		}
	}
	if !isTest(name) {
		c.note(name, file)
	}
	return nil
}

func skipped(dir string) bool {
	return dir == "testdata" || dir == "vendor" || dir == "node_modules" ||
		strings.HasPrefix(dir, "_") || (strings.HasPrefix(dir, ".") && dir != ".")
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

func (c *checker) checkName(name string) {
	base := strings.TrimSuffix(path.Base(name), ".go")
	for part := range strings.SplitSeq(base, "_") {
		if slices.Contains(BadNames, part) {
			c.report("%s: %q does not say what is inside", name, part)
		}
	}
}

func (c *checker) checkLength(name string, src []byte, file *ast.File) {
	if ast.IsGenerated(file) {
		return
	}
	lines := bytes.Count(src, []byte("\n"))
	if lines > MaxLines {
		c.report("%s has %d lines, more than %d", name, lines, MaxLines)
	}
}

// note records that a package exists and whether it is documented.
func (c *checker) note(name string, file *ast.File) {
	dir := path.Dir(name)
	p, ok := c.packages[dir]
	if !ok {
		if c.packages == nil {
			c.packages = make(map[string]*pkg)
		}
		p = &pkg{name: file.Name.Name}
		c.packages[dir] = p
		c.dirs = append(c.dirs, dir)
	}
	if file.Doc != nil && slices.Contains(p.docFiles(), path.Base(name)) {
		p.documented = true
	}
}
