package observe_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hale-go/hale/observe"
)

// Wherever a file ends, every whole record is read, and the error says where the
// rest is missing.
func TestTruncationAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	turns := service(2, 5, 0.5)
	write(t, dir, segment(turns[:3]), segment(turns[3:]))
	path := only(t, dir)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for n := range whole {
		rec, err := read(map[string][]byte{filepath.Base(path): whole[:n]})
		var at *observe.RecordingError
		if !errors.As(err, &at) || !errors.Is(err, observe.ErrTruncated) || at.File != filepath.Base(path) || at.Offset > int64(n) || at.Mend == "" {
			t.Fatalf("cut at byte %d of %d: %v", n, len(whole), err)
		}
		var got []observe.Turn
		for _, s := range rec.Segments {
			got = append(got, s.Turns...)
		}
		if len(got) < most || asJSON(t, got) != asJSON(t, turns[:len(got):len(got)]) && len(got) > 0 {
			t.Fatalf("cut at byte %d: %d turns, at least %d were readable before", n, len(got), most)
		}
		most = len(got)
	}
	if most != len(turns) {
		t.Errorf("only %d turns of %d are read before the end mark is complete", most, len(turns))
	}
}

// read reads a folder that is in memory.
func read(files map[string][]byte) (rec observe.Recording, first error) {
	fsys := fstest.MapFS{}
	for name, data := range files {
		fsys[name] = &fstest.MapFile{Data: data}
	}
	for s, err := range observe.Segments(fsys) {
		switch {
		case err == nil:
			rec.Segments = append(rec.Segments, s)
		case first == nil:
			first = err
		}
	}
	return rec, first
}

// Whichever bit flips, what came before is read as it was and nothing wrong is.
func TestEveryByteFlipped(t *testing.T) {
	dir := t.TempDir()
	turns := service(3, 4, 0.5)
	write(t, dir, segment(turns))
	path := only(t, dir)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		bad := slices.Clone(whole)
		bad[n] ^= 1 << (n % 8)
		rec, err := read(map[string][]byte{filepath.Base(path): bad})
		if !errors.Is(err, observe.ErrDamaged) && !errors.Is(err, observe.ErrTruncated) && !errors.Is(err, observe.ErrVersion) {
			t.Fatalf("byte %d: %v", n, err)
		}
		var got []observe.Turn
		for _, s := range rec.Segments {
			got = append(got, s.Turns...)
		}
		if len(got) > 0 && asJSON(t, got) != asJSON(t, turns[:len(got)]) {
			t.Fatalf("byte %d: wrong turns were read", n)
		}
	}
}

func TestNotARecording(t *testing.T) {
	if _, err := observe.ReadRecording(filepath.Join(t.TempDir(), "none")); !errors.Is(err, observe.ErrNoRecording) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if _, err := observe.ReadRecording(t.TempDir()); !errors.Is(err, observe.ErrNoRecording) {
		t.Errorf("empty folder: %v", err)
	}
	name := observe.FileName(1)
	turn := `{"turn":{"seq":1,"sample":{"tasks":[{"name":"b"},{"name":"c"}]}}}`
	newer := observe.File()
	newer[7] = 2
	for what, c := range map[string]struct {
		data []byte
		want error
		text string
	}{
		"newer":          {newer, observe.ErrVersion, "version 2"},
		"other":          {[]byte("something else"), observe.ErrDamaged, "does not begin like"},
		"empty":          {nil, observe.ErrTruncated, "header"},
		"renamed":        {observe.File(`{"run":"x"}`)[:0:0], observe.ErrTruncated, "header"},
		"after the end":  {append(observe.File(`{"end":true}`), make([]byte, 12)...), observe.ErrDamaged, "after its end"},
		"zeros":          {append(observe.File(), make([]byte, 512)...), observe.ErrDamaged, "makes no sense"},
		"no JSON":        {observe.File(`{`), observe.ErrDamaged, "makes no sense"},
		"stray turn":     {observe.File(turn), observe.ErrDamaged, "without a segment"},
		"nothing before": {observe.File(`{"segment":{}}`, `{"turn":{"seq":1},"delta":true}`), observe.ErrDamaged, "does not follow"},
		"unsorted":       {observe.File(`{"segment":{}}`, turn, `{"turn":{"sample":{"tasks":[{"name":"b"},{"name":"a"}]}},"delta":true}`), observe.ErrDamaged, "does not follow"},
		"parts":          {observe.File(`{"segment":{}}`, `{"turn":{"events":[0`+strings.Repeat(",0", observe.MaxParts+1)+`]}}`), observe.ErrDamaged, "parts"},
		"too large":      {observe.File(grows()...), observe.ErrDamaged, "memory"},
	} {
		rec, err := read(map[string][]byte{name: c.data})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", what, err)
		}
		if len(rec.Segments) > 1 {
			t.Errorf("%s: %+v", what, rec)
		}
	}
}

// grows are few records that stand for many tasks in each of many turns.
func grows() []string {
	var tasks strings.Builder
	for n := range 20_000 {
		fmt.Fprintf(&tasks, `,{"name":"%05d"}`, n)
	}
	out := []string{`{"segment":{}}`, `{"turn":{"sample":{"tasks":[` + tasks.String()[1:] + `]}}}`}
	return append(out, slices.Repeat([]string{`{"turn":{"sample":{"tasks":[{"name":"00001"}]}},"delta":true}`}, 60)...)
}

// A record of a kind that a later version adds is passed over.
func TestUnknownRecords(t *testing.T) {
	rec, err := read(map[string][]byte{observe.FileName(3): observe.File(`{"segment":{"new":1}}`, `{"later":{}}`, `{"turn":{"seq":1,"new":2}}`, `{"end":true}`)})
	if err != nil || len(rec.Segments) != 1 || len(rec.Segments[0].Turns) != 1 {
		t.Errorf("%+v: %v", rec, err)
	}
}

func FuzzReadFile(f *testing.F) {
	turns := service(3, 3, 0.5)
	f.Add(observe.File(observe.Records(segment(turns))...))
	f.Add(observe.File(`{"segment":{}}`, `{"turn":{"seq":1}}`, `{"turn":{"seq":2},"delta":true}`))
	f.Add([]byte("halerec\x01"))
	f.Fuzz(func(t *testing.T, data []byte) { checkRead(t, data) })
}

// What a checksum lets through is read safely too.
func FuzzReadRecords(f *testing.F) {
	turns := service(2, 2, 0.5)
	f.Add(strings.Join(observe.Records(segment(turns)), "\n"))
	f.Add("{\"segment\":{}}\n{\"turn\":{\"seq\":1,\"sample\":{\"tasks\":[{\"name\":\"a\"}]}}}\n{\"turn\":{\"sample\":{\"tasks\":[{\"name\":\"b\"}]}},\"delta\":true}\n{\"end\":true}")
	f.Fuzz(func(t *testing.T, records string) {
		checkRead(t, observe.File(strings.Split(records, "\n")...))
	})
}

// checkRead reads a file, and if that worked, writes what was in it and reads it
// again.
func checkRead(t *testing.T, data []byte) {
	t.Helper()
	rec, err := read(map[string][]byte{observe.FileName(1): data})
	var at *observe.RecordingError
	if err != nil && (!errors.As(err, &at) || at.Offset > int64(len(data))) {
		t.Fatalf("%v", err)
	}
	if err != nil || len(rec.Segments) == 0 {
		return
	}
	dir := t.TempDir()
	w := newWriter(t, dir)
	for _, s := range rec.Segments {
		if err := w.Open(s); err != nil {
			return // a state that is no JSON, for example
		}
		for _, turn := range s.Turns {
			if err := w.Add(turn); err != nil {
				return
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := observe.ReadRecording(dir)
	if err != nil || asJSON(t, again) != asJSON(t, rec) {
		t.Fatalf("%v\n%s\n%s", err, asJSON(t, rec), asJSON(t, again))
	}
}
