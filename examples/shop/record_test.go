package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hale-go/hale"
	shop "github.com/hale-go/hale/examples/shop"
	"github.com/hale-go/hale/observe"
)

// checkRecording replays what a run of the demo recorded, and compares it byte
// for byte: every decision by its digest, the commands with the journal.
func checkRecording(t *testing.T, dir string) {
	t.Helper()
	folder := filepath.Join(dir, "recording")
	rec, err := observe.ReadRecording(folder)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := shop.Settings()
	if err != nil {
		t.Fatal(err)
	}
	settings := hale.WithConfig(cfg)
	if err := hale.VerifyReplay(rec, settings); err != nil {
		t.Error(err)
	}
	decisions, err := hale.Replay(rec, settings)
	if err != nil {
		t.Fatal(err)
	}
	var replayed []json.RawMessage
	spoke := 0
	for _, d := range decisions {
		if len(d.Events) > 0 {
			spoke++
		}
		for _, c := range d.Commands {
			replayed = append(replayed, marshal(t, c))
		}
	}
	live := journal(t, filepath.Join(dir, "journal.jsonl"))
	if len(live) < 4 || spoke < 10 || len(live) != len(replayed) {
		t.Fatalf("%d commands in the journal, %d replayed; %d turns said something", len(live), len(replayed), spoke)
	}
	for i := range live {
		if !bytes.Equal(live[i], replayed[i]) {
			t.Errorf("command %d:\nlive   %s\nreplay %s", i, live[i], replayed[i])
		}
	}
	files, size := ring(t, folder)
	t.Logf("%d turns, %d of them with decisions, %d commands: %d bytes in %d files", len(decisions), spoke, len(live), size, len(files))
	checkTruncated(t, files[len(files)-1], decisions, settings)
}

// checkTruncated cuts the last file: all decisions up to there are as they were.
func checkTruncated(t *testing.T, path string, whole []hale.Decision, settings hale.Option) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()*2/3); err != nil {
		t.Fatal(err)
	}
	rec, err := observe.ReadRecording(filepath.Dir(path))
	var at *observe.RecordingError
	if !errors.As(err, &at) || !errors.Is(err, observe.ErrTruncated) || at.File != path || at.Offset <= info.Size()/2 || at.Offset > info.Size()*2/3 {
		t.Fatalf("a recording that is cut off: %v", err)
	}
	t.Log(err)
	decisions, err := hale.Replay(rec, settings)
	if err != nil || len(decisions) < len(whole)/4 || len(decisions) >= len(whole) {
		t.Fatalf("%d of %d decisions: %v", len(decisions), len(whole), err)
	}
	if !bytes.Equal(marshal(t, decisions), marshal(t, whole[:len(decisions)])) {
		t.Error("what is left of the recording replays to other decisions")
	}
}

// journal returns the commands of a journal, each once, as they were written.
func journal(t *testing.T, path string) []json.RawMessage {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out []json.RawMessage
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry struct{ Command json.RawMessage }
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			t.Fatal(err)
		}
		if n := len(out); n == 0 || !bytes.Equal(out[n-1], entry.Command) { // one line before, one after
			out = append(out, entry.Command)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// ring returns the recording's files, oldest first, and their bytes.
func ring(t *testing.T, folder string) (files []string, size int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return files, size
}

func marshal(t *testing.T, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
