package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	hale "github.com/hale-go/hale/cmd/hale"
)

func written(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The file is that of the path, though it is renamed or removed meanwhile, for its owner alone,
// and each incident has a line of its own.
func TestIncidentFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "incidents")
	if err := os.WriteFile(path, []byte("{torn"), 0o600); err != nil { // by a full disk
		t.Fatal(err)
	}
	f, err := hale.OpenIncidents(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // of the test
	tell := func(line string) {
		if n, err := f.Write([]byte(line)); err != nil || n != len(line) {
			t.Fatalf("%d, %v", n, err)
		}
	}
	tell("1\n")
	tell("2\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	tell("3\n")
	if got := written(t, path+".1") + "|" + written(t, path); got != "{torn\n1\n2\n|3\n" {
		t.Errorf("%q", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	tell("4\n")
	if got := written(t, path); got != "4\n" {
		t.Errorf("%q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// After a write that was cut off the next begins a line. A pipe takes what fits into it.
func TestIncidentFileTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader := func() *os.File {
		from, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		return from
	}
	from := reader()
	f, err := hale.OpenIncidents(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // of the test
	cut := make(chan error)
	go func() {
		n, err := f.Write(make([]byte, 4<<20))
		if n == 0 || n == 4<<20 {
			err = fmt.Errorf("%d bytes were written, %w", n, err)
		}
		cut <- err
	}()
	if _, err := from.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	_ = from.Close()
	if err := <-cut; !errors.Is(err, syscall.EPIPE) {
		t.Fatal(err)
	}
	from = reader()
	defer from.Close() // of the test
	go func() {
		_, err := f.Write([]byte("1\n"))
		cut <- err
	}()
	var got []byte // what is left in the pipe, and then the next
	for part := make([]byte, 1<<16); !bytes.HasSuffix(got, []byte("1\n")); {
		n, err := from.Read(part)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part[:n]...)
	}
	if err := <-cut; err != nil || !bytes.HasSuffix(got, []byte("\x00\n1\n")) {
		t.Errorf("%q, %v", got[max(0, len(got)-10):], err)
	}
}

// A file that cannot be opened now is opened when it can be.
func TestIncidentFileLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "incidents")
	f := hale.IncidentsAt(path)
	if n, err := f.Write([]byte("1\n")); n != 0 || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%d, %v", n, err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("2\n")); err != nil || written(t, path) != "2\n" {
		t.Error(err)
	}
	defer f.Close() // of the test
}

// Only what may pass is waited for.
func TestIncidentErrors(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.EROFS: true, syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EIO: true,
		syscall.ENOENT: false, syscall.EISDIR: false, syscall.EACCES: false, syscall.ENOTDIR: false, syscall.ENXIO: false,
	} {
		if got := hale.MayPass(&fs.PathError{Op: "open", Path: "x", Err: err}); got != want {
			t.Errorf("%v: %t", err, got)
		}
	}
}
