package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// series is one of the benchmark, with the windows in which its anomalies are.
type series struct {
	name    string // folder/file.csv
	times   []time.Time
	values  []float64
	windows []window
}

// window is a run of rows, first and last included.
type window struct{ first, last int }

// dataError says where the data is bad, and the mend.
type dataError struct {
	File string
	Line int // 0 for the file as a whole
	Err  error
	mend string
}

func (e *dataError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.File, e.Err)
}

func (e *dataError) Unwrap() error { return e.Err }

// Hint returns the mend.
func (e *dataError) Hint() string { return e.mend }

const (
	windowsFile = "combined_windows.json"
	stampLayout = "2006-01-02 15:04:05" // a fraction of a second may follow when parsing
	mendFolder  = "give -data the folder that holds " + windowsFile + " and the folders of series of the benchmark"
	mendRow     = "each row after the header is \"2006-01-02 15:04:05,1.5\": mend the row, or copy the file from the benchmark again"
	mendWindows = "it maps \"folder/file.csv\" to a list of pairs of times: copy it from the benchmark's labels again"
)

// load reads the series that are in dir or dir/nab and in its windows file, in the
// order of their names.
func load(dir string) ([]series, error) {
	path := filepath.Join(dir, windowsFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if below, errBelow := os.ReadFile(filepath.Join(dir, "nab", windowsFile)); errBelow == nil {
			dir, raw, err = filepath.Join(dir, "nab"), below, nil
		}
	}
	if err != nil {
		return nil, &dataError{File: path, Err: bare(err), mend: mendFolder}
	}
	labels, err := parseWindows(path, raw)
	if err != nil {
		return nil, err
	}
	var all []series
	for _, name := range sortedNames(labels) {
		file := filepath.Join(dir, filepath.FromSlash(name))
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, &dataError{File: file, Err: bare(err), mend: mendFolder}
		}
		s, err := parseSeries(file, f)
		_ = f.Close() // only read
		if err != nil {
			return nil, err
		}
		s.name = name
		s.windows, err = s.rows(labels[name])
		if err != nil {
			return nil, &dataError{File: path, Err: fmt.Errorf("%s: %w", name, err), mend: mendWindows}
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, &dataError{File: dir, Err: errors.New("none of the series of " + windowsFile + " is here"), mend: mendFolder}
	}
	return all, nil
}

// bare leaves the path out of err: a dataError names it.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// period is a window as it is written.
type period struct{ from, to time.Time }

// parseWindows reads the windows file. The names in it must stay below its folder.
func parseWindows(file string, raw []byte) (map[string][]period, error) {
	var written map[string][][]string
	if err := json.Unmarshal(raw, &written); err != nil {
		line := 0
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			line = 1 + bytes.Count(raw[:min(int(e.Offset), len(raw))], []byte("\n"))
		}
		return nil, &dataError{File: file, Line: line, Err: err, mend: mendWindows}
	}
	labels := make(map[string][]period, len(written))
	for _, name := range sortedNames(written) {
		bad := func(why string) error {
			return &dataError{File: file, Err: fmt.Errorf("%q: %s", name, why), mend: mendWindows}
		}
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return nil, bad("not a path below the folder of the file")
		}
		labels[name] = []period{}
		for _, pair := range written[name] {
			if len(pair) != 2 {
				return nil, bad(fmt.Sprintf("a window has %d times, not 2", len(pair)))
			}
			from, errFrom := time.Parse(stampLayout, pair[0])
			to, errTo := time.Parse(stampLayout, pair[1])
			if err := errors.Join(errFrom, errTo); err != nil {
				return nil, bad(strings.ReplaceAll(err.Error(), "\n", "; "))
			}
			labels[name] = append(labels[name], period{from, to})
		}
	}
	return labels, nil
}

// parseSeries reads the rows of a series.
func parseSeries(file string, r io.Reader) (series, error) {
	var s series
	lines := bufio.NewScanner(r)
	line := 0
	bad := func(err error) error { return &dataError{File: file, Line: line, Err: err, mend: mendRow} }
	for lines.Scan() {
		line++
		text := strings.TrimSuffix(lines.Text(), "\r")
		if line == 1 {
			if text != "timestamp,value" {
				return series{}, bad(errors.New(`the header is not "timestamp,value"`))
			}
			continue
		}
		stamp, number, ok := strings.Cut(text, ",")
		if !ok {
			return series{}, bad(errors.New("no comma"))
		}
		t, err := time.Parse(stampLayout, stamp)
		if err != nil {
			return series{}, bad(err)
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return series{}, bad(err)
		}
		s.times, s.values = append(s.times, t), append(s.values, v)
	}
	line++
	if err := lines.Err(); err != nil {
		return series{}, bad(err)
	}
	if len(s.values) == 0 {
		return series{}, bad(errors.New("no rows"))
	}
	return s, nil
}

// rows finds the rows of the periods. Windows do not overlap and come in order.
func (s *series) rows(periods []period) ([]window, error) {
	var out []window
	for _, p := range periods {
		w := window{-1, -1}
		for i, t := range s.times {
			if t.Before(p.from) || t.After(p.to) {
				continue
			}
			if w.first < 0 {
				w.first = i
			}
			w.last = i
		}
		if w.first < 0 {
			return nil, fmt.Errorf("no row between %s and %s", p.from.Format(stampLayout), p.to.Format(stampLayout))
		}
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b window) int { return a.first - b.first })
	for i := 1; i < len(out); i++ {
		if out[i].first <= out[i-1].last {
			return nil, fmt.Errorf("two windows share row %d", out[i].first)
		}
	}
	return out, nil
}

// sortedNames returns the keys of m in order.
func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
