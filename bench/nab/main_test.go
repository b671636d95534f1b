package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const header = "timestamp,value\n"

// folder writes files, by their path, into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// steps is a series of 1000 rows, five minutes apart, that rises from 1 to 2 with
// row 600.
func steps() string {
	var b strings.Builder
	b.WriteString(header)
	for i := range 1000 {
		when := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 5 * time.Minute)
		fmt.Fprintf(&b, "%s,%g\n", when.Format(stampLayout), 1+0.1*float64(i*i%7)+float64(i/600))
	}
	return b.String()
}

// windowsOfSteps begins with row 600: the 3rd of January, 02:00.
const windowsOfSteps = `{"a/steps.csv": [["2026-01-03 02:00:00.000000", "2026-01-03 12:00:00.000000"]], "a/elsewhere.csv": [], "b/steps.csv": []}`

// TestRun scores two series, given the folder itself and the one above.
func TestRun(t *testing.T) {
	dir := folder(t, map[string]string{
		"nab/combined_windows.json": windowsOfSteps, "nab/a/steps.csv": steps(), "nab/b/steps.csv": strings.ReplaceAll(steps(), "\n", "\r\n"),
	})
	var first string
	for _, data := range []string{dir, filepath.Join(dir, "nab")} {
		var out, complaints bytes.Buffer
		if status := run([]string{"-v", "-data", data}, &out, &complaints); status != 0 || complaints.Len() > 0 {
			t.Fatalf("status %d: %s", status, &complaints)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if last := lines[len(lines)-1]; !regexp.MustCompile(`^score: -?\d+\.\d\d$`).MatchString(last) {
			t.Errorf("the last line is %q", last)
		}
		for _, want := range []string{"a/steps.csv", "1 of 1", "row   600 2026-01-03 02:00:00", "b                        no windows", "ns a point", "bytes a series"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, &out)
			}
		}
		text := regexp.MustCompile(`\d+ ns`).ReplaceAllString(out.String(), "ns")
		if first == "" {
			first = text
		} else if text != first {
			t.Errorf("two folders, two results:\n%s\n%s", first, text)
		}
	}
}

func TestBadData(t *testing.T) {
	good := map[string]string{"combined_windows.json": windowsOfSteps, "a/steps.csv": steps()}
	for _, bad := range []struct {
		name, file, text string
		want             []string
	}{
		{"no windows file", "combined_windows.json", "", []string{"combined_windows.json: no such file", "give -data"}},
		{"windows cut off", "combined_windows.json", "{\n\"a/steps.csv\": [\n", []string{"combined_windows.json:3: unexpected end", "labels again"}},
		{"windows of another kind", "combined_windows.json", `{"a/steps.csv": 7}`, []string{"combined_windows.json: ", "labels again"}},
		{"one end", "combined_windows.json", `{"a/steps.csv": [["2026-01-03 02:00:00"]]}`, []string{`"a/steps.csv": a window has 1 times, not 2`}},
		{"no time", "combined_windows.json", `{"a/steps.csv": [["x", "2026-01-03 02:00:00"]]}`, []string{`"a/steps.csv": parsing time "x"`}},
		{"a window elsewhere", "combined_windows.json", `{"a/steps.csv": [["2025-01-03 02:00:00", "2025-01-03 03:00:00"]]}`, []string{"a/steps.csv: no row between"}},
		{"windows that overlap", "combined_windows.json", `{"a/steps.csv": [["2026-01-03 02:00:00", "2026-01-03 03:00:00"], ["2026-01-03 03:00:00", "2026-01-03 04:00:00"]]}`, []string{"two windows share row 612"}},
		{"a way out", "combined_windows.json", `{"../steps.csv": []}`, []string{`"../steps.csv": not a path below`}},
		{"no series", "a/steps.csv", "", []string{"none of the series"}},
		{"a folder", "a/steps.csv/x", "x", []string{"is a directory"}},
		{"no header", "a/steps.csv", "2026-01-01 00:00:00,1\n", []string{"steps.csv:1: the header", "each row"}},
		{"an empty file", "a/steps.csv", "\n", []string{"steps.csv:1: the header"}},
		{"only a header", "a/steps.csv", header, []string{"steps.csv:2: no rows"}},
		{"no comma", "a/steps.csv", header + "2026-01-01 00:00:00,1\nx\n", []string{"steps.csv:3: no comma", "each row"}},
		{"a bad time", "a/steps.csv", header + "yesterday,1\n", []string{`steps.csv:2: parsing time "yesterday"`}},
		{"a bad value", "a/steps.csv", header + "2026-01-01 00:00:00,one\n", []string{`steps.csv:2: strconv.ParseFloat: parsing "one"`}},
		{"an endless line", "a/steps.csv", header + strings.Repeat("x", 100_000), []string{"steps.csv:2: bufio.Scanner: token too long"}},
	} {
		t.Run(bad.name, func(t *testing.T) {
			files := map[string]string{}
			for name, text := range good {
				if name != bad.file && !strings.HasPrefix(bad.file, name+"/") {
					files[name] = text
				}
			}
			if bad.text != "" {
				files[bad.file] = bad.text
			}
			var out, complaints bytes.Buffer
			if status := run([]string{"-data", folder(t, files)}, &out, &complaints); status != 2 || out.Len() > 0 {
				t.Errorf("status %d, printed %q", status, &out)
			}
			for _, want := range bad.want {
				if !strings.Contains(complaints.String(), want) {
					t.Errorf("no %q in %q", want, &complaints)
				}
			}
			if strings.Count(complaints.String(), "\n") != 2 {
				t.Errorf("not two lines, the place and the mend: %q", &complaints)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	for want, args := range map[int][]string{2: nil, 0: {"-h"}} {
		var out, complaints bytes.Buffer
		if status := run(args, &out, &complaints); status != want || !strings.Contains(complaints.String(), "-data") {
			t.Errorf("%q: status %d, want %d: %s", args, status, want, &complaints)
		}
	}
	for _, args := range [][]string{{"-nonsense"}, {"-data", "x", "y"}} {
		if status := run(args, new(bytes.Buffer), new(bytes.Buffer)); status != 2 {
			t.Errorf("%q: status %d, want 2", args, status)
		}
	}
}

// FuzzSeries takes any text as a series: it is refused with its place, or its rows
// are as many as its times, and can be scored.
func FuzzSeries(f *testing.F) {
	for _, text := range []string{"", header, header + "2026-01-01 00:00:00,1\n", header + "2026-01-01 00:00:00.5,NaN\n2026-01-01 00:05:00,1e308", "x\n\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSeries("x.csv", strings.NewReader(text))
		if err != nil {
			if bad, ok := errors.AsType[*dataError](err); !ok || bad.Hint() == "" || !strings.HasPrefix(err.Error(), "x.csv:") {
				t.Fatalf("no place or mend: %v", err)
			}
			return
		}
		if len(s.times) != len(s.values) || len(s.scores()) != len(s.values) {
			t.Fatalf("%d times, %d values", len(s.times), len(s.values))
		}
	})
}

// FuzzWindows takes any text as the windows file.
func FuzzWindows(f *testing.F) {
	for _, text := range []string{"", "{}", windowsOfSteps, `{"a": null}`, `{"/a": []}`, `{"a": [["", ""]]}`} {
		f.Add([]byte(text))
	}
	s, err := parseSeries("x.csv", strings.NewReader(steps()))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		labels, err := parseWindows("w.json", raw)
		if err != nil {
			if bad, ok := errors.AsType[*dataError](err); !ok || bad.Hint() == "" || !strings.HasPrefix(err.Error(), "w.json") {
				t.Fatalf("no place or mend: %v", err)
			}
			return
		}
		for name, periods := range labels {
			if !filepath.IsLocal(filepath.FromSlash(name)) {
				t.Fatalf("%q leads out of the folder", name)
			}
			windows, err := s.rows(periods)
			if err == nil {
				rate(len(s.values), windows, []int{200, 600, 999})
			}
		}
	})
}
