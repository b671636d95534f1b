package checkpoint_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hale-go/hale/checkpoint"
)

// A release that is taken back finds what the newer one saved, does not touch it, and goes
// on from what it knows.
func TestNewerState(t *testing.T) {
	dir := checkpoint.Dir(t.TempDir())
	old := resume(t, dir, "k")
	save(t, old, 1)
	next := resume(t, dir, "k", checkpoint.Version(1), checkpoint.Migrate(func(_ int, state []byte) ([]byte, error) { return state, nil }))
	found(t, next, 1)
	save(t, next, 2)
	whole, err := os.ReadFile(string(dir) + "/k.state")
	if err != nil {
		t.Fatal(err)
	}

	back := resume(t, dir, "k")
	found(t, back, 1)
	if len(back.Aside) != 1 {
		t.Fatalf("%v", back.Aside)
	}
	refused(t, back.Aside[0], checkpoint.ErrNewer)
	if kept, err := os.ReadFile(back.Aside[0].Where); err != nil || !slices.Equal(kept, whole) {
		t.Errorf("%v: the record of the newer version is not as it was", err)
	}
	if text := back.Aside[0].Error(); !strings.Contains(text, "version 1") || !strings.Contains(text, back.Aside[0].Where) {
		t.Errorf("%q does not tell the version and the place", text)
	}
	save(t, back, 3)
	again := resume(t, dir, "k")
	found(t, again, 3)
	if len(again.Aside) > 0 {
		t.Errorf("told again: %v", again.Aside)
	}
}

// Where only newer ones are left there is nothing to go on from, and to start over would lose what
// the newer version goes on from.
func TestOnlyNewerStates(t *testing.T) {
	dir := checkpoint.Dir(t.TempDir())
	next := resume(t, dir, "k", checkpoint.Version(5))
	save(t, next, 1)
	save(t, next, 2)
	for range 3 {
		_, err := checkpoint.Resume[progress](t.Context(), dir, "k", checkpoint.Version(4))
		refused(t, err, checkpoint.ErrNewer)
	}
	found(t, resume(t, dir, "k", checkpoint.Version(5)), 2)
	// As the hint says, one may start over when the records are moved away.
	for _, name := range []string{"/k.state", "/k.prev"} {
		if err := os.Rename(string(dir)+name, string(dir)+name+".kept"); err != nil {
			t.Fatal(err)
		}
	}
	c := resume(t, dir, "k", checkpoint.Version(4))
	found(t, c, -1)
	save(t, c, 3)
	found(t, resume(t, dir, "k", checkpoint.Version(4)), 3)
}

func TestAsideIsBounded(t *testing.T) {
	dir := checkpoint.Dir(t.TempDir())
	var last []string
	for n := range 30 {
		save(t, resume(t, dir, "k"), n)
		if err := os.WriteFile(string(dir)+"/k.state", []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		c := resume(t, dir, "k")
		last = append(last, c.Aside[0].Where)
	}
	left, err := filepath.Glob(string(dir) + "/k.aside-*")
	if err != nil || len(left) != 8 {
		t.Errorf("%q, %v", left, err)
	}
	for _, where := range last[22:] {
		if !slices.Contains(left, where) {
			t.Errorf("%s is gone", where)
		}
	}
}

func TestMigrate(t *testing.T) {
	dir := checkpoint.Dir(t.TempDir())
	save(t, resume(t, dir, "k", checkpoint.Version(3)), 41)
	type counted struct{ Count int }
	migrate := func(version int, state []byte) ([]byte, error) {
		var p progress
		if err := json.Unmarshal(state, &p); err != nil || version != 3 {
			return nil, fmt.Errorf("version %d: %w", version, err)
		}
		return json.Marshal(counted{p.Done + 1})
	}
	why := errors.New("a mistake")
	for name, opts := range map[string][]checkpoint.Option{
		"none":    {checkpoint.Version(4)},
		"fails":   {checkpoint.Version(4), checkpoint.Migrate(func(int, []byte) ([]byte, error) { return nil, why })},
		"panics":  {checkpoint.Version(4), checkpoint.Migrate(func(int, []byte) ([]byte, error) { panic(why) })},
		"garbage": {checkpoint.Version(4), checkpoint.Migrate(func(int, []byte) ([]byte, error) { return []byte("{"), nil })},
	} {
		_, err := checkpoint.Resume[counted](t.Context(), dir, "k", opts...)
		e, ok := errors.AsType[*checkpoint.Error](err)
		if !ok || e.Hint() == "" || errors.Is(err, checkpoint.ErrCorrupt) || name == "fails" && !errors.Is(err, why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := checkpoint.Resume[counted](t.Context(), dir, "k", checkpoint.Version(4), checkpoint.Migrate(migrate))
	if err != nil || !c.Found || c.State.Count != 42 || len(c.Aside) > 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := c.Save(t.Context(), c.State); err != nil {
		t.Fatal(err)
	}
	c, err = checkpoint.Resume[counted](t.Context(), dir, "k", checkpoint.Version(4))
	if err != nil || c.State.Count != 42 {
		t.Errorf("after it was saved: %+v, %v", c, err)
	}
}

// A record of a library that is newer than this one.
func TestNewerFormat(t *testing.T) {
	dir := checkpoint.Dir(t.TempDir())
	c := resume(t, dir, "k")
	save(t, c, 1)
	save(t, c, 2)
	record, err := os.ReadFile(string(dir) + "/k.state")
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint16(record[8:], 2)
	end := len(record) - 4
	binary.BigEndian.PutUint32(record[end:], crc32.Checksum(record[:end], crc32.MakeTable(crc32.Castagnoli)))
	if err := os.WriteFile(string(dir)+"/k.state", record, 0o600); err != nil {
		t.Fatal(err)
	}
	c = resume(t, dir, "k")
	found(t, c, 1)
	if len(c.Aside) != 1 || !errors.Is(c.Aside[0], checkpoint.ErrNewer) {
		t.Errorf("%v", c.Aside)
	}
}
