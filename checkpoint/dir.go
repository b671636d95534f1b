package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
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
//	orders.aside-N   set aside, at most 8 of them, with rising numbers
//	orders.lock      held by who touches the records
//	orders.claim     held by who takes an epoch
//	orders.tmp       a record being written, and between saves the file for it; the next Resume removes it
//	orders.next      an epoch being written; the next Resume goes on with it
//
// A save writes the temporary file, syncs it, has it, state and prev change their names round, and
// syncs the folder. Wherever it is killed, state or else prev is whole. The order of renames
// survives a loss of power as far as the file system keeps it, as journaling ones do. The two
// syncs are what a save costs. On Linux (amd64, arm64, riscv64, loong64) with ext4, XFS, btrfs or
// tmpfs the file that was prev is written over next time, from the third save after a Resume on: the
// file system has no file to make and none to delete, which makes a save about as fast as a bare
// write, sync and rename. A record that is no larger than the one it is written over then needs no
// room on a disk with ext4, XFS or tmpfs. Who copies these files while they are saved to may get
// a torn one, which Resume sets aside; a file with a second name, as a backup by hard links has, is not written over.
//
// The lock is the system's (flock, LockFileEx on Windows), so a process that dies lets go of it.
// Whoever waits for it looks again every 1 to 16 ms until its context is done; a Resume waits
// for one save at most, since it takes its epoch first. A process that hangs in a save, or is
// stopped there, holds the lock. On Windows the folder is not synced, since
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
	f := d.of(key)
	if err := ctx.Err(); err != nil {
		return Grant{}, f.failed(context.Cause(ctx))
	}
	if err := makeDir(f.dir); err != nil {
		return Grant{}, f.failed(err)
	}
	claiming, err := f.take(ctx, "claim", os.O_CREATE)
	if err != nil {
		return Grant{}, err
	}
	defer release(claiming)
	last, err := f.epoch()
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrCorrupt) {
		return Grant{}, err
	}
	// From here on no other save begins. One may be on its way, and ends before the lock is had.
	g := Grant{Epoch: max(last+1, atLeast)}
	if err := f.replace("epoch", "next", []byte(strconv.FormatUint(g.Epoch, 10)+"\n"), ""); err != nil {
		return Grant{}, err
	}
	touching, err := f.take(ctx, "lock", os.O_CREATE)
	if err != nil {
		return Grant{}, err
	}
	defer release(touching)
	_ = os.Remove(f.path("tmp")) // what cannot be removed cannot be written either, and that is told
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

// Save implements [Store]. It needs no number: when it has returned it is over.
func (d Dir) Save(ctx context.Context, key string, epoch, _ uint64, record []byte) error {
	f := d.of(key)
	touching, err := f.claimed(ctx, epoch)
	if err != nil {
		return err
	}
	defer release(touching)
	return f.replace("state", "tmp", record, "prev")
}

// SetAside implements [Store].
func (d Dir) SetAside(ctx context.Context, key string, epoch uint64, n int) ([]string, error) {
	f := d.of(key)
	touching, err := f.claimed(ctx, epoch)
	if err != nil {
		return nil, err
	}
	defer release(touching)
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
		if err := rename(f.path(name), to); err != nil {
			return where, f.failed(err)
		}
		where = append(where, to)
	}
	return where, f.failed(syncDir(string(d)))
}

// files are those of one key.
type files struct{ dir, stem string }

func (d Dir) of(key string) files { return files{string(d), fileStem(key)} }

func (f files) path(suffix string) string { return filepath.Join(f.dir, f.stem+"."+suffix) }

// take takes a lock. With O_CREATE it makes the file for it.
func (f files) take(ctx context.Context, name string, flag int) (*os.File, error) {
	lock, err := os.OpenFile(f.path(name), os.O_RDWR|flag, 0o600)
	if err != nil {
		return nil, f.failed(err)
	}
	if err := await(ctx, lock); err != nil {
		_ = lock.Close() // it was opened for the lock only
		return nil, f.failed(err)
	}
	return lock, nil
}

func release(lock *os.File) {
	unlock(lock)
	_ = lock.Close() // nothing was written to it
}

// claimed takes the lock of the records for a claim that is the last one.
func (f files) claimed(ctx context.Context, epoch uint64) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, f.failed(context.Cause(ctx))
	}
	lock, err := f.take(ctx, "lock", 0)
	if err != nil {
		if _, gone := os.Stat(f.dir); gone == nil && errors.Is(err, fs.ErrNotExist) {
			return nil, ErrFenced // nobody has claimed the key in this folder
		}
		return nil, err
	}
	last, err := f.epoch()
	if err == nil && last != epoch {
		err = ErrFenced
	}
	if err != nil {
		release(lock)
		return nil, err
	}
	return lock, nil
}

// epoch returns that of the last claim.
func (f files) epoch() (uint64, error) {
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

func (f files) read(name string, most int64) ([]byte, error) {
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

// replace writes a file anew, durably, by way of a temporary one. What was there is kept
// under the last name, if that is not empty.
func (f files) replace(name, by string, data []byte, keep string) error {
	tmp := f.path(by)
	if err := writeSynced(tmp, data); err != nil {
		_ = os.Remove(tmp) // or the next claim does
		return f.failed(err)
	}
	var err error
	if keep == "" {
		err = rename(tmp, f.path(name))
	} else {
		err = rotate(tmp, f.path(name), f.path(keep))
	}
	if err != nil {
		return f.failed(err)
	}
	return f.failed(syncDir(f.dir))
}

// rotate has the file tmp take a name, and what had it the name keep. What was kept is the next
// tmp, or goes. After each step one of the names has what had the first one.
func rotate(tmp, name, keep string) error {
	if _, err := os.Lstat(name); err == nil {
		switch err := exchange(tmp, keep); {
		case err == nil:
			return exchange(keep, name) // name has the last record until then
		case interrupted(err): // nobody knows whether it was done
			return err
		}
	}
	if err := rename(name, keep); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	} // else the first, or the last save ended between its renames
	return rename(tmp, name)
}

// writeSynced writes a file, over what is in it, if it is there and has no other name.
func writeSynced(path string, data []byte) error {
	size := 0 // of what there is
	switch info, err := os.Lstat(path); {
	case err == nil && alone(info):
		size = int(min(info.Size(), math.MaxInt32)) // more than any record
	case err == nil:
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if _, err = file.Write(data); err == nil && size > len(data) {
		err = file.Truncate(int64(len(data)))
	}
	if err == nil {
		err = syncData(file)
	}
	return errors.Join(err, file.Close())
}

// aside returns the path under which the next record is set aside, and makes room.
func (f files) aside() (string, error) {
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
