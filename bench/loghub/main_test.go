package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write makes a folder with these files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	good = "LineId,Content,EventId\n1,took 3 ms,E1\n2,took 4 ms,E1\n3,\"a, b\",E2\n"
	file = "Demo/Demo_2k.log_structured.csv"
)

func TestRun(t *testing.T) {
	for _, prefix := range []string{"", "loghub/"} {
		dir := write(t, map[string]string{prefix + file: "\ufeff" + good, prefix + "Demo/notes.txt": "x", prefix + "LICENSE": "y", prefix + "Empty/x.csv": "z"})
		var out, errs strings.Builder
		if status := run([]string{"-data", dir, "-rounds", "2"}, &out, &errs); status != 0 || errs.String() != "" {
			t.Fatalf("status %d: %s", status, errs.String())
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if last := lines[len(lines)-1]; !regexp.MustCompile(`^score: GA 1\.000 FGA 1\.000 speed \d+\.\dx$`).MatchString(last) {
			t.Errorf("last line %q", last)
		}
		if !regexp.MustCompile(`(?m)^Demo +3 +2 \| 1\.000 1\.000 +2 +\d+ \| `).MatchString(out.String()) {
			t.Errorf("no row of the system:\n%s", out.String())
		}
	}
}

func TestBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		args  []string
		want  []string // in the message
	}{
		"no flag":         {args: []string{}, want: []string{"-data DIR"}},
		"unknown flag":    {args: []string{"-dada", "x"}, want: []string{"-dada"}},
		"no rounds":       {args: []string{"-data", "x", "-rounds", "0"}, want: []string{"rounds"}},
		"no such folder":  {args: []string{"-data", "/no/such"}, want: []string{"/no/such", "no folder", "give the one"}},
		"a file":          {args: []string{"-data", "main.go"}, want: []string{"main.go", "no folder"}},
		"nothing in it":   {files: map[string]string{"x/y.csv": good}, want: []string{"*_structured.csv", "give the folder"}},
		"empty file":      {files: map[string]string{file: ""}, want: []string{file + ":1", "empty"}},
		"header only":     {files: map[string]string{file: "Content,EventId\n"}, want: []string{file + ":1", "no lines"}},
		"other columns":   {files: map[string]string{file: "Text,EventId\nx,E1\n"}, want: []string{file + ":1", "Content"}},
		"too few fields":  {files: map[string]string{file: good + "4,x\n"}, want: []string{file + ":5", "wrong number of fields", "mend the line"}},
		"a quote too few": {files: map[string]string{file: good + "4,\"x,E1\n"}, want: []string{file + ":", "quote"}},
		"a quote within":  {files: map[string]string{file: good + "4,x \"y\",E1\n"}, want: []string{file + ":5", "quote"}},
		"no label":        {files: map[string]string{file: good + "4,\"x\ny\",\n"}, want: []string{file + ":6", "no EventId", "label the line"}},
	} {
		args := c.args
		if c.files != nil {
			args = []string{"-data", write(t, c.files)}
		}
		var out, errs strings.Builder
		if status := run(args, &out, &errs); status != 2 || out.String() != "" {
			t.Errorf("%s: status %d, output %q", name, status, out.String())
		}
		for _, w := range c.want {
			if !strings.Contains(errs.String(), filepath.FromSlash(w)) {
				t.Errorf("%s: %q does not say %q", name, errs.String(), w)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(good)
	f.Add("Content,EventId\n\"x\"y,E1\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := read(strings.NewReader(text), "x_structured.csv")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "x_structured.csv:") {
				t.Errorf("error without a place: %v", err)
			}
			return
		}
		if len(s.lines) == 0 || len(s.lines) != len(s.events) {
			t.Errorf("%d lines, %d events", len(s.lines), len(s.events))
		}
	})
}
