package layout_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hale-go/hale/internal/layout"
)

func TestRepository(t *testing.T) {
	const top = "../.."
	if _, err := os.Stat(top + "/internal/layout/doc.go"); err != nil {
		t.Fatalf("not at the top of the repository: %v", err)
	}
	problems, err := layout.Check(os.DirFS(top))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// Each rule is about folders that there are.
func TestRulesNameFolders(t *testing.T) {
	var folders []string
	for _, r := range layout.Rules {
		folders = append(append(folders, r.Folder), r.Imports...)
	}
	for _, folder := range append(folders, layout.Adapters...) {
		if info, err := os.Stat("../../" + folder); err != nil || !info.IsDir() {
			t.Errorf("%s is no folder: %v", folder, err)
		}
	}
}

// docs/architecture.md says what each file of the root package is for, and no file
// that is gone.
func TestArchitectureNamesTheRootFiles(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Where to look in the root package\n")
	table, _, _ = strings.Cut(table, "\n## ")
	told := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z]+\\.go)`").FindAllStringSubmatch(table, -1) {
		if told[m[1]] {
			t.Errorf("%s is there twice", m[1])
		}
		told[m[1]] = true
	}
	files, err := filepath.Glob("../../*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if name = filepath.Base(name); !strings.HasSuffix(name, "_test.go") && !told[name] {
			t.Errorf("docs/architecture.md does not say what %s is for", name)
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("docs/architecture.md tells of %s, which is not there", name)
	}
}

func TestCheck(t *testing.T) {
	const (
		doc  = "// Package x does things.\npackage x\n"
		hale = "github.com/hale-go/hale"
	)
	imports := func(path string) string { return "package x\n\nimport _ \"" + path + "\"\n" }
	lines := func(n int) string { return "package x\n" + strings.Repeat("//\n", n-1) }

	tests := []struct {
		name  string
		files map[string]string // a doc.go is added where there is none and the package is not main
		want  []string
	}{
		{
			name:  "a stage imports the ones before it",
			files: map[string]string{"heal/x.go": imports(hale + "/detect")},
		},
		{
			name:  "a stage imports a later one",
			files: map[string]string{"detect/x.go": imports(hale + "/heal")},
			want:  []string{"detect/x.go:3:8 imports " + hale + "/heal: detect may import of hale only internal, observe"},
		},
		{
			name:  "a stage imports the root",
			files: map[string]string{"heal/x.go": imports(hale)},
			want:  []string{"heal/x.go:3:8 imports " + hale + ": heal may import of hale only internal, observe, detect, diagnose"},
		},
		{
			name:  "the rule of a folder holds below it",
			files: map[string]string{"observe/a/b/x.go": imports(hale + "/detect/c")},
			want:  []string{"observe/a/b/x.go:3:8 imports " + hale + "/detect/c: observe may import of hale only internal"},
		},
		{
			name:  "the rule of a folder does not hold beside it",
			files: map[string]string{"detective/x.go": imports(hale + "/heal")},
		},
		{
			name:  "the root imports a stage",
			files: map[string]string{"x.go": imports(hale + "/heal")},
		},
		{
			name:  "the root imports what is above it",
			files: map[string]string{"x.go": imports(hale + "/dashboard")},
			want: []string{"x.go:3:8 imports " + hale + "/dashboard: the root package may import of hale only " +
				"internal, observe, detect, diagnose, heal, isolate"},
		},
		{
			name:  "the root imports another module",
			files: map[string]string{"x.go": imports("go.uber.org/zap")},
			want:  []string{"x.go:3:8 imports go.uber.org/zap: the root package may import no other module"},
		},
		{
			name: "other modules where they belong",
			files: map[string]string{
				"internal/resource/x.go": imports("github.com/prometheus/procfs"),
				"internal/a/x_test.go":   imports("github.com/google/pprof/profile"),
				"halezap/x.go":           imports("go.uber.org/zap"),
				"examples/shop/x.go":     imports("go.uber.org/zap"),
			},
		},
		{
			name:  "another module where it does not belong",
			files: map[string]string{"internal/resource/x.go": imports("github.com/google/pprof/profile"), "internal/a/x.go": imports("github.com/prometheus/procfs")},
			want: []string{
				"internal/a/x.go:3:8 imports github.com/prometheus/procfs: internal may import no other module",
				"internal/resource/x.go:3:8 imports github.com/google/pprof/profile: internal/resource may import of other modules only github.com/prometheus/procfs",
			},
		},
		{
			name:  "the exception for procfs is one of modules, not of direction",
			files: map[string]string{"internal/resource/a.go": imports(hale + "/observe"), "internal/resource/x.go": imports(hale + "/detect")},
			want:  []string{"internal/resource/x.go:3:8 imports " + hale + "/detect: internal/resource may import of hale only internal, observe"},
		},
		{
			name:  "an adapter imports the root",
			files: map[string]string{"halehttp/x.go": imports(hale)},
		},
		{
			name:  "an adapter imports an adapter",
			files: map[string]string{"halehttp/x.go": imports(hale + "/halesql")},
			want:  []string{"halehttp/x.go:3:8 imports " + hale + "/halesql: adapters do not import one another"},
		},
		{
			name: "tests import the leak checker and the conformance tests",
			files: map[string]string{
				"detect/x_test.go": imports("go.uber.org/goleak"),
				"heal/x_test.go":   imports(hale + "/haletest"),
			},
		},
		{
			name:  "a test imports another module",
			files: map[string]string{"detect/x_test.go": imports("go.uber.org/zap")},
			want:  []string{"detect/x_test.go:3:8 imports go.uber.org/zap: detect may import no other module"},
		},
		{
			name:  "code imports the leak checker",
			files: map[string]string{"detect/x.go": imports("go.uber.org/goleak")},
			want:  []string{"detect/x.go:3:8 imports go.uber.org/goleak: detect may import no other module"},
		},
		{
			name:  "the longest file",
			files: map[string]string{"heal/x.go": lines(layout.MaxLines)},
		},
		{
			name:  "a file that is too long",
			files: map[string]string{"heal/x.go": lines(layout.MaxLines + 1)},
			want:  []string{"heal/x.go has 401 lines, more than 400"},
		},
		{
			name:  "a generated file may be long",
			files: map[string]string{"heal/x.go": "// Code generated by x. DO NOT EDIT.\n\n" + lines(1000)},
		},
		{
			name:  "a package without doc.go",
			files: map[string]string{"chaos/doc.go": "", "chaos/x.go": doc},
			want:  []string{"chaos: the package has no doc.go with a package comment"},
		},
		{
			name:  "a doc.go without a comment",
			files: map[string]string{"chaos/doc.go": "package x\n"},
			want:  []string{"chaos: the package has no doc.go with a package comment"},
		},
		{
			name:  "a folder of tests only needs no doc.go",
			files: map[string]string{"chaos/doc.go": "", "chaos/x_test.go": "package x_test\n"},
		},
		{
			name:  "a command may have its comment in main.go",
			files: map[string]string{"examples/a/main.go": "// A shows a thing.\npackage main\n"},
		},
		{
			name:  "a command without a comment",
			files: map[string]string{"examples/a/main.go": "package main\n"},
			want:  []string{"examples/a: the package has no doc.go or main.go with a package comment"},
		},
		{
			name: "names that say nothing",
			files: map[string]string{
				"common/x.go":         doc,
				"heal/helper_test.go": doc,
				"heal/task_util.go":   doc,
				"heal/utility.go":     doc,
			},
			want: []string{
				`common: "common" does not say what is inside`,
				`heal/helper_test.go: "helper" does not say what is inside`,
				`heal/task_util.go: "util" does not say what is inside`,
			},
		},
		{
			name: "folders that the go command skips",
			files: map[string]string{
				"detect/testdata/x.go":        imports(hale + "/heal"),
				".cache/util.go":              doc,
				"dashboard/node_modules/x.go": imports(hale + "/heal"),
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := make(fstest.MapFS)
			for name, src := range tt.files {
				docFile := name[:strings.LastIndexByte(name, '/')+1] + "doc.go"
				if _, given := tt.files[docFile]; !given && !strings.Contains(src, "package main") {
					root[docFile] = &fstest.MapFile{Data: []byte(doc)}
				}
				if src != "" {
					root[name] = &fstest.MapFile{Data: []byte(src)}
				}
			}
			got, err := layout.Check(root)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
		})
	}
}

func TestCheckRefusesWhatItCannotRead(t *testing.T) {
	root := fstest.MapFS{"heal/x.go": {Data: []byte("this is not Go")}}
	if _, err := layout.Check(root); err == nil {
		t.Error("no error for a file that does not parse")
	}
}
