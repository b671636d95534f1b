package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Dir is a [Store] of files in the folder of that path, for tasks that come back on the
// same machine. The first Resume makes the folder, with mode 0700; files have mode 0600. A
// key has these, named by the key with all but lower-case letters, digits and "-_." escaped:
//
//	orders.state     the newest record
//	orders.prev      the one before
//	orders.epoch     the epoch of the last claim
//	orders.lock      held while a process touches the others
//	orders.tmp       being written; one that a crash left is removed by the next Resume
//	orders.aside-N   set aside, at most 8 of them, with rising numbers
//
// A save writes the temporary file, syncs it, renames state to prev and the temporary file
// to state, and syncs the folder. Wherever it is killed, state or else prev is whole. The order of
// renames survives a loss of power as far as the file system keeps it, as journaling ones do.
//
// The lock is the system's (flock, LockFileEx on Windows), so a process that dies lets go of it.
// Whoever waits for it looks again every 1 to 16 ms until its context is done. A
// process that hangs in a save, or is stopped there, holds it. On Windows the folder is not synced, since
// that cannot be done there, and a loss of power may take back the last saves. Systems that
// have neither lock give an error that matches [errors.ErrUnsupported]. Network file
// systems are not supported.
//
// No file is ever deleted but those that are replaced: keys are to be names of tasks, not
// of requests.
type Dir string

// kept is how many records of a key that were set aside are kept.
const kept = 8

// Claim implements [Store].
func (d Dir) Claim(ctx context.Context, key string, atLeast uint64) (Grant, error) {
	f, err := d.open(ctx, key, true)
	if err != nil {
		return Grant{}, err
	}
	defer f.close()
	_ = os.Remove(f.path("tmp")) // what cannot be removed cannot be written either, and that is told
	last, err := f.epoch()
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrCorrupt) {
		return Grant{}, err
	}
	g := Grant{Epoch: max(last+1, atLeast)}
	if err := f.replace("epoch", []byte(strconv.FormatUint(g.Epoch, 10)+"\n"), ""); err != nil {
		return Grant{}, err
	}
	for _, name := range []string{"state", "prev"} {
		record, err := f.read(name, MaxRecord+1)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errors.Is(err, syscall.EIO): // the disk: it is as lost as if it were damaged
			record = nil
		case err != nil:
			return Grant{}, err
		}
		g.Records = append(g.Records, record)
	}
	return g, nil
}

// Save implements [Store].
func (d Dir) Save(ctx context.Context, key string, epoch uint64, record []byte) error {
	f, err := d.open(ctx, key, false)
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.check(epoch); err != nil {
		return err
	}
	return f.replace("state", record, "prev")
}

// SetAside implements [Store].
func (d Dir) SetAside(ctx context.Context, key string, epoch uint64, n int) ([]string, error) {
	f, err := d.open(ctx, key, false)
	if err != nil {
		return nil, err
	}
	defer f.close()
	if err := f.check(epoch); err != nil {
		return nil, err
	}
	var where []string
	for _, name := range []string{"state", "prev"} {
		if len(where) >= n {
			break
		}
		if _, err := os.Lstat(f.path(name)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		to, err := f.aside()
		if err != nil {
			return where, err
		}
		if err := os.Rename(f.path(name), to); err != nil {
			return where, f.failed(err)
		}
		where = append(where, to)
	}
	return where, f.failed(syncDir(string(d)))
}

// files are those of one key, under its lock.
type files struct {
	dir  string
	stem string
	lock *os.File
}

func (f *files) path(suffix string) string { return filepath.Join(f.dir, f.stem+"."+suffix) }

// open takes the key's lock.
func (d Dir) open(ctx context.Context, key string, create bool) (*files, error) {
	f := &files{dir: string(d), stem: fileStem(key)}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
		if err := makeDir(f.dir); err != nil {
			return nil, f.failed(err)
		}
	}
	var err error
	if f.lock, err = os.OpenFile(f.path("lock"), flags, 0o600); err != nil {
		if _, gone := os.Stat(f.dir); gone == nil && errors.Is(err, fs.ErrNotExist) {
			return nil, ErrFenced // nobody has claimed the key in this folder
		}
		return nil, f.failed(err)
	}
	if err := await(ctx, f.lock); err != nil {
		_ = f.lock.Close() // it was opened for the lock only
		return nil, f.failed(err)
	}
	return f, nil
}

func (f *files) close() {
	unlock(f.lock)
	_ = f.lock.Close() // nothing was written to it
}

// epoch returns that of the last claim.
func (f *files) epoch() (uint64, error) {
	text, err := f.read("epoch", 32)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(string(text), "\n"), 10, 64)
	if err != nil {
		return 0, &Error{Where: f.path("epoch"), Err: fmt.Errorf("%w: %.40q is no epoch", ErrCorrupt, text), Mend: "resume the task again: that takes a new epoch"}
	}
	return n, nil
}

// check compares the epoch with that of the last claim.
func (f *files) check(epoch uint64) error {
	last, err := f.epoch()
	if err == nil && last != epoch {
		err = ErrFenced
	}
	return err
}

func (f *files) read(name string, most int64) ([]byte, error) {
	file, err := os.Open(f.path(name))
	if err != nil {
		return nil, f.failed(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, f.failed(err)
	}
	out := make([]byte, min(max(info.Size(), 0), most))
	n, err := io.ReadFull(file, out)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, f.failed(err)
	}
	return out[:n], nil
}

// replace writes a file anew, durably. What was there is kept under the other name, if
// that is not empty.
func (f *files) replace(name string, data []byte, keep string) error {
	tmp := f.path("tmp")
	err := writeSynced(tmp, data)
	if err == nil && keep != "" {
		if err = os.Rename(f.path(name), f.path(keep)); errors.Is(err, fs.ErrNotExist) {
			err = nil // the first, or the last save ended between its renames
		}
	}
	if err == nil {
		err = os.Rename(tmp, f.path(name))
	}
	if err != nil {
		_ = os.Remove(tmp) // or the next claim does
		return f.failed(err)
	}
	return f.failed(syncDir(f.dir))
}

func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// aside returns the path under which the next record is set aside, and makes room.
func (f *files) aside() (string, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return "", f.failed(err)
	}
	var taken []uint64
	for _, e := range entries {
		if text, ours := strings.CutPrefix(e.Name(), f.stem+".aside-"); ours {
			if n, err := strconv.ParseUint(text, 10, 32); err == nil {
				taken = append(taken, n)
			}
		}
	}
	next, oldest := newAside(taken)
	for _, n := range oldest {
		if err := os.Remove(f.path("aside-" + strconv.FormatUint(n, 10))); err != nil {
			return "", f.failed(err)
		}
	}
	return f.path("aside-" + strconv.FormatUint(next, 10)), nil
}
