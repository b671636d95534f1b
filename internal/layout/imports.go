package layout

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// forbidden returns why the file may not import the package, or "".
func forbidden(file, imported string) string {
	if isTest(file) && slices.ContainsFunc(TestImports, func(p string) bool { return within(imported, p) }) {
		return ""
	}
	from := path.Dir(file)
	target, ours := folder(imported)
	if ours {
		if a, b := adapter(from), adapter(target); a != "" && b != "" && a != b {
			return "adapters do not import one another"
		}
	}
	rule, ok := ruleFor(from)
	switch {
	case !ok || isStandard(imported):
		return ""
	case !ours:
		if slices.ContainsFunc(rule.Others, func(p string) bool { return within(imported, p) }) {
			return ""
		}
		return fmt.Sprintf("%s may import %s", rule.subject(), listed("no other module", "of other modules only", rule.Others))
	case rule.Folder == target, rule.Folder != "." && within(target, rule.Folder):
		return ""
	case slices.ContainsFunc(rule.Imports, func(f string) bool { return within(target, f) }):
		return ""
	}
	return fmt.Sprintf("%s may import %s", rule.subject(), listed("no other folder of hale", "of hale only", rule.Imports))
}

func (r Rule) subject() string {
	if r.Folder == "." {
		return "the root package"
	}
	return r.Folder
}

func listed(none, prefix string, names []string) string {
	if len(names) == 0 {
		return none
	}
	return prefix + " " + strings.Join(names, ", ")
}

// folder returns the folder of one of our packages.
func folder(imported string) (string, bool) {
	if imported == Module {
		return ".", true
	}
	return strings.CutPrefix(imported, Module+"/")
}

func ruleFor(from string) (Rule, bool) {
	for _, r := range Rules {
		if from == r.Folder || (r.Folder != "." && within(from, r.Folder)) {
			return r, true
		}
	}
	return Rule{}, false
}

func adapter(folder string) string {
	for _, a := range Adapters {
		if within(folder, a) {
			return a
		}
	}
	return ""
}

// within reports whether p is parent or lies below it.
func within(p, parent string) bool {
	return p == parent || strings.HasPrefix(p, parent+"/")
}

// isStandard reports whether the package is of the standard library: only
// there the first element has no dot.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}
