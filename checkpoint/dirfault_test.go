package checkpoint_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hale-go/hale/checkpoint"
)

func TestFolderRemoved(t *testing.T) {
	dir := t.TempDir() + "/store"
	c := resume(t, checkpoint.Dir(dir), "k")
	save(t, c, 1)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	refused(t, c.Save(t.Context(), progress{Done: 2}), fs.ErrNotExist)
	c = resume(t, checkpoint.Dir(dir), "k")
	found(t, c, -1)
	save(t, c, 3)
	if err := os.Remove(dir + "/k.lock"); err != nil { // no claim is known then
		t.Fatal(err)
	}
	refused(t, c.Save(t.Context(), progress{Done: 4}), checkpoint.ErrFenced)
	found(t, resume(t, checkpoint.Dir(dir), "k"), 3)
}

func TestFileInTheWay(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, file + "/below", ""} {
		_, err := checkpoint.Resume[progress](t.Context(), checkpoint.Dir(dir), "k")
		if e, ok := errors.AsType[*checkpoint.Error](err); !ok || e.Hint() == "" || e.Op != "resume" || e.Key != "k" {
			t.Errorf("%q: %v", dir, err)
		}
	}
	dir := t.TempDir()
	save(t, resume(t, checkpoint.Dir(dir), "k"), 1)
	if err := errors.Join(os.Remove(dir+"/k.state"), os.Mkdir(dir+"/k.state", 0o700)); err != nil {
		t.Fatal(err)
	}
	_, err := checkpoint.Resume[progress](t.Context(), checkpoint.Dir(dir), "k")
	if e, ok := errors.AsType[*checkpoint.Error](err); !ok || e.Hint() == "" || !strings.HasPrefix(e.Where, dir) {
		t.Error(err)
	}
}

// A save that ended between its renames has left the one before, and what it wrote is
// removed.
func TestEndedBetweenTheRenames(t *testing.T) {
	dir := t.TempDir()
	c := resume(t, checkpoint.Dir(dir), "k")
	save(t, c, 1)
	save(t, c, 2)
	if err := errors.Join(os.Rename(dir+"/k.state", dir+"/k.prev"), os.WriteFile(dir+"/k.tmp", []byte("half a rec"), 0o600)); err != nil {
		t.Fatal(err)
	}
	c = resume(t, checkpoint.Dir(dir), "k")
	found(t, c, 2)
	left(t, dir, "k.claim", "k.epoch", "k.lock", "k.prev")
	save(t, c, 3)
	save(t, c, 4)
	found(t, resume(t, checkpoint.Dir(dir), "k"), 4)
	left(t, dir, "k.claim", "k.epoch", "k.lock", "k.prev", "k.state")
}

// left checks the files of a folder.
func left(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the folder has %q, want %q", got, want)
	}
}

func TestFileNames(t *testing.T) {
	for key, want := range map[string]string{
		"orders.import-2_x": "orders.import-2_x",
		"Orders":            "%4frders",
		"../etc":            "%2e.%2fetc",
		".":                 "%2e",
		"a b%ö":             "a%20b%25%c3%b6",
		"nul":               "%6eul",
		"com1.x":            "%63om1.x",
		"~k":                "%7ek",
	} {
		if got := checkpoint.FileStem(key); got != want {
			t.Errorf("%q is called %q, want %q", key, got, want)
		}
	}
}

// No two keys have files of the same name, also where case does not matter, and all names
// are short enough and safe.
func FuzzFileStem(f *testing.F) {
	f.Add("a", "A")
	f.Add("a/b", "a%2fb")
	f.Add(strings.Repeat("Ä", 64), "~"+strings.Repeat("0", 127))
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = a[:min(len(a), checkpoint.MaxKey)], b[:min(len(b), checkpoint.MaxKey)]
		x, y := checkpoint.FileStem(a), checkpoint.FileStem(b)
		if a != b && strings.EqualFold(x, y) {
			t.Errorf("%q and %q are both %q", a, b, x)
		}
		if name := x + ".aside-4294967295"; a != "" && (len(name) > 255 || filepath.Base(name) != name || name[0] == '.') {
			t.Errorf("%q gives the name %q", a, name)
		}
	})
}
