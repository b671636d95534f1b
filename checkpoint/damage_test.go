package checkpoint_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hale-go/hale/checkpoint"
)

// damaged is a folder in which every test puts the newest record that it likes, before an
// older good one.
type damaged struct {
	dir        checkpoint.Dir
	good, prev []byte
}

func damage(t *testing.T) damaged {
	t.Helper()
	d := damaged{dir: checkpoint.Dir(t.TempDir())}
	c := resume(t, d.dir, "k")
	save(t, c, 1)
	save(t, c, 2)
	var err error
	if d.good, err = os.ReadFile(string(d.dir) + "/k.state"); err != nil {
		t.Fatal(err)
	}
	if d.prev, err = os.ReadFile(string(d.dir) + "/k.prev"); err != nil {
		t.Fatal(err)
	}
	return d
}

// resumes puts the records there and demands the older one, or nothing.
func (d damaged) resumes(t *testing.T, newest, older []byte, want, aside int) {
	t.Helper()
	left, err := filepath.Glob(string(d.dir) + "/k.aside-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, record := range map[string][]byte{"state": newest, "prev": older} {
		if err := os.WriteFile(string(d.dir)+"/k."+name, record, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := resume(t, d.dir, "k")
	found(t, c, want)
	if len(c.Aside) != aside {
		t.Fatalf("aside: %v, want %d", c.Aside, aside)
	}
	for _, e := range c.Aside {
		refused(t, e, checkpoint.ErrCorrupt)
		if _, err := os.Stat(e.Where); err != nil {
			t.Error(err)
		}
	}
}

func TestEachByteDamaged(t *testing.T) {
	d := damage(t)
	d.resumes(t, d.good, d.prev, 2, 0)
	for i := range d.good {
		bad := bytes.Clone(d.good)
		for _, flip := range []byte{1, 0xff} {
			bad[i] = d.good[i] ^ flip
			d.resumes(t, bad, d.prev, 1, 1)
		}
	}
}

func TestEachLength(t *testing.T) {
	d := damage(t)
	for n := range d.good {
		d.resumes(t, d.good[:n], d.prev, 1, 1)
	}
	d.resumes(t, append(bytes.Clone(d.good), 0), d.prev, 1, 1)
	d.resumes(t, nil, d.prev[:10], -1, 2)
}

// A file that is far too large, as a program gone wild leaves it, costs no more memory than
// the largest record.
func TestHugeFile(t *testing.T) {
	d := damage(t)
	if err := os.Truncate(string(d.dir)+"/k.state", 1<<40); err != nil {
		t.Fatal(err)
	}
	c := resume(t, d.dir, "k")
	found(t, c, 1)
	if len(c.Aside) != 1 || !errors.Is(c.Aside[0], checkpoint.ErrCorrupt) {
		t.Errorf("%v", c.Aside)
	}
}

// A state that cannot be decoded is as good as damaged, also when its own methods panic.
func TestUndecodable(t *testing.T) {
	dir := checkpoint.Dir(t.TempDir())
	text, err := checkpoint.Resume[any](t.Context(), dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []any{progress{Done: 7}, "no progress"} {
		if err := text.Save(t.Context(), state); err != nil {
			t.Fatal(err)
		}
	}
	c := resume(t, dir, "k")
	found(t, c, 7)
	if len(c.Aside) != 1 || !errors.Is(c.Aside[0], checkpoint.ErrCorrupt) {
		t.Errorf("%v", c.Aside)
	}
	touchy, err := checkpoint.Resume[stumbling](t.Context(), dir, "k")
	if err != nil || touchy.Found || len(touchy.Aside) != 1 {
		t.Errorf("%+v, %v", touchy, err)
	}
	binary, err := checkpoint.Resume[point](t.Context(), dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := binary.Save(t.Context(), point{1, 2}); err != nil {
		t.Fatal(err)
	}
	c = resume(t, dir, "k") // which has no methods
	found(t, c, -1)
	if len(c.Aside) != 1 || !errors.Is(c.Aside[0], checkpoint.ErrCorrupt) {
		t.Errorf("%v", c.Aside)
	}
}

type stumbling struct{}

func (*stumbling) UnmarshalJSON([]byte) error { panic("not today") }

func FuzzUnseal(f *testing.F) {
	dir := checkpoint.Dir(f.TempDir())
	save(f, resume(f, dir, "k", checkpoint.Version(2)), 7)
	good, err := os.ReadFile(string(dir) + "/k.state")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, record []byte) {
		version, epoch, seq, saved, state, err := checkpoint.Unsealed(record)
		if err != nil {
			if !errors.Is(err, checkpoint.ErrCorrupt) && !errors.Is(err, checkpoint.ErrNewer) {
				t.Error(err)
			}
			return
		}
		// Whatever passes comes back the same.
		if again := checkpoint.Sealed(version, epoch, seq, saved, state, record); !bytes.Equal(again, record) {
			t.Errorf("%x became %x", record, again)
		}
	})
}

// FuzzSeal feeds any content, with a checksum that fits.
func FuzzSeal(f *testing.F) {
	f.Add(uint32(1), uint64(2), uint64(3), int64(4), []byte("{}"))
	f.Fuzz(func(t *testing.T, version uint32, epoch, seq uint64, nanos int64, content []byte) {
		version &= 1<<31 - 1
		record := checkpoint.Sealed(version, epoch, seq, time.Unix(0, nanos), content, nil)
		v, e, s, saved, state, err := checkpoint.Unsealed(record)
		if err != nil || v != version || e != epoch || s != seq || saved.UnixNano() != nanos || !bytes.Equal(state, content) {
			t.Errorf("%d %d %d %v %q, %v", v, e, s, saved, state, err)
		}
	})
}
