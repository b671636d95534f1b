package checkpoint

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// failed says where something went wrong and what to do about it. It returns nil for nil.
func (f files) failed(err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	is := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
	}
	mend := "the system's own error says what it lacks; what was saved before is as it was"
	switch {
	case is(context.Canceled, context.DeadlineExceeded):
		mend = "another process holds the lock: wait longer, or look for one that hangs or is stopped"
	case isFull(err):
		mend = "make room on the disk, or raise the quota or the limit of file sizes; what was saved before is as it was"
	case isReadOnly(err):
		mend = "mount the disk so that it can be written to: it may have failed; what was saved before is as it was"
	case is(fs.ErrPermission):
		mend = "give the process's user the folder, with mode 0700; what was saved before is as it was"
	case is(fs.ErrNotExist):
		mend = "the folder is gone: put it back, or resume the task again, which makes a new one"
	case is(syscall.ENOTDIR, fs.ErrExist):
		mend = "a part of the path is a file: give Dir another path, or move the file away"
	case is(errors.ErrUnsupported):
		mend = "this file system or system has no file locks that are safe: use a local disk, checkpoint/bolt or SQL"
	}
	return &Error{Where: f.path("state"), Err: err, Mend: mend}
}

// makeDir makes the folder and the entry for it durable.
func makeDir(dir string) error {
	if dir == "" {
		return errors.New("the folder's path is empty")
	}
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(filepath.Clean(dir)))
}

// newAside returns the number after those that are taken, and those that have to go for
// it.
func newAside(taken []uint64) (next uint64, oldest []uint64) {
	slices.Sort(taken)
	if n := len(taken); n > 0 {
		next = taken[n-1]
		oldest = taken[:max(0, n-kept+1)]
	}
	return next + 1, oldest
}
