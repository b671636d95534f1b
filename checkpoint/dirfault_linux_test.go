package checkpoint_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/haletest"
)

// apart runs the test again in a process of its own, and reports whether this is that
// process. With own mounts it can mount a disk that nobody else sees.
func apart(t *testing.T, ownMounts bool) bool {
	t.Helper()
	const mark = "HALE_CHECKPOINT_APART"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"="+t.Name(), "GORACE=atexit_sleep_ms=0")
	if ownMounts {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if os.Getuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
		}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case ownMounts && errors.Is(err, fs.ErrPermission):
		t.Logf("THIS SYSTEM LETS NO PROCESS HAVE MOUNTS OF ITS OWN, so a full disk is only tested by a limit on file sizes: %v", err)
	case err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("%v: %s", err, out)
	}
	return false
}

// disk mounts a small disk in memory.
func disk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves a disk no room.
func fill(t *testing.T, dir string) (ballast *os.File) {
	t.Helper()
	ballast, err := os.Create(dir + "/ballast")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ballast.Close() }) // before the disk goes
	for err == nil {
		_, err = ballast.Write(make([]byte, 100))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return ballast
}

func TestFullDisk(t *testing.T) {
	if !apart(t, true) {
		return
	}
	dir := disk(t)
	c := resume(t, checkpoint.Dir(dir), "k")
	save(t, c, 1)
	save(t, c, 2)
	ballast := fill(t, dir)
	for range 3 {
		refused(t, c.Save(t.Context(), progress{Done: 3}), syscall.ENOSPC)
		left(t, dir, "ballast", "k.claim", "k.epoch", "k.lock", "k.prev", "k.state")
		_, err := checkpoint.Resume[progress](t.Context(), checkpoint.Dir(dir), "k")
		refused(t, err, syscall.ENOSPC)
	}
	if err := ballast.Truncate(0); err != nil {
		t.Fatal(err)
	}
	save(t, c, 4) // the resumes that failed have fenced nobody
	found(t, resume(t, checkpoint.Dir(dir), "k"), 4)
}

// A full disk has room for what is no larger than what is there.
func TestFullDiskTakesWhatIsNoLarger(t *testing.T) {
	if !apart(t, true) {
		return
	}
	dir := disk(t)
	c := resume(t, checkpoint.Dir(dir), "k")
	for n := range 3 {
		save(t, c, n)
	}
	ballast := fill(t, dir)
	for n := range 10 {
		save(t, c, n)
	}
	refused(t, c.Save(t.Context(), progress{Done: 10, Pad: strings.Repeat("x", 10_000)}), syscall.ENOSPC)
	if err := ballast.Truncate(0); err != nil {
		t.Fatal(err)
	}
	found(t, resume(t, checkpoint.Dir(dir), "k"), 9)
}

// A save that ended between its exchanges has kept the one before, also where what it wrote
// itself is of no use.
func TestEndedBetweenTheExchanges(t *testing.T) {
	for _, spoilt := range []bool{false, true} {
		dir := t.TempDir()
		c := resume(t, checkpoint.Dir(dir), "k")
		for n := range 5 {
			save(t, c, n)
		}
		left(t, dir, "k.claim", "k.epoch", "k.lock", "k.prev", "k.state", "k.tmp")
		// The second exchange, of the two with which 4 came in, is taken back.
		if err := errors.Join(os.Rename(dir+"/k.prev", dir+"/3"), os.Rename(dir+"/k.state", dir+"/k.prev"), os.Rename(dir+"/3", dir+"/k.state")); err != nil {
			t.Fatal(err)
		}
		if spoilt {
			if err := os.Truncate(dir+"/k.prev", 10); err != nil {
				t.Fatal(err)
			}
		}
		c = resume(t, checkpoint.Dir(dir), "k")
		found(t, c, 3)
		save(t, c, 5)
		found(t, resume(t, checkpoint.Dir(dir), "k"), 5)
	}
}

// What has a second name, is a link or may not be written is replaced, and not written over.
func TestOtherFilesAreNotWrittenOver(t *testing.T) {
	for name, spoil := range map[string]func(file, other string) error{
		"hard link": os.Link,
		"symlink":   func(file, other string) error { return errors.Join(os.Rename(file, other), os.Symlink(other, file)) },
		"read-only": func(file, other string) error {
			return errors.Join(os.Chmod(file, 0o400), os.WriteFile(other, []byte("1"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, other := t.TempDir(), t.TempDir()+"/other"
			c := resume(t, checkpoint.Dir(dir), "k")
			for n := range 4 {
				save(t, c, n)
			}
			if err := spoil(dir+"/k.state", other); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(other)
			if err != nil {
				t.Fatal(err)
			}
			for n := range 4 {
				save(t, c, n)
			}
			for _, file := range []string{"/k.state", "/k.prev", "/k.tmp"} {
				is, err := os.Lstat(dir + file)
				if err != nil || is.Mode() != 0o600 || is.Sys().(*syscall.Stat_t).Nlink != 1 {
					t.Errorf("%s: %v, %v, want a plain file of ours alone", file, is, err)
				}
			}
			if after, err := os.ReadFile(other); err != nil || !bytes.Equal(after, before) {
				t.Errorf("%q, %v, want it untouched: %q", after, err, before)
			}
		})
	}
}

// Records of all sizes take each other's place.
func TestSizesInTurn(t *testing.T) {
	dir := t.TempDir()
	c := resume(t, checkpoint.Dir(dir), "k")
	for n := range 50 {
		if err := c.Save(t.Context(), progress{Done: n, Pad: strings.Repeat("x", (n*7919)%9000)}); err != nil {
			t.Fatal(err)
		}
	}
	newest, err := os.ReadFile(dir + "/k.state")
	if err != nil {
		t.Fatal(err)
	}
	found(t, resume(t, checkpoint.Dir(dir), "k"), 49)
	if err := os.WriteFile(dir+"/k.state", append(newest, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	found(t, resume(t, checkpoint.Dir(dir), "k"), 48) // the one before is whole too
}

// While the disk is full the task goes on and people are told; when it is not any more, that is over.
func TestFullDiskIsAnIncident(t *testing.T) {
	if !apart(t, true) {
		return
	}
	dir := disk(t)
	haletest.Run(t, func(t *testing.T, b *haletest.Bubble) {
		steps := 0
		_ = b.Do(t.Context(), "orders.import", func(ctx context.Context) error {
			claim, err := checkpoint.Resume[progress](ctx, checkpoint.Dir(dir), "orders")
			if err != nil {
				t.Fatal(err)
			}
			pad := ""
			work := func(d time.Duration) (err error) {
				for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
					steps++
					err = claim.Save(ctx, progress{Done: steps, Pad: pad})
				}
				return err
			}
			if err := work(10 * time.Second); err != nil || len(b.Incidents()) != 0 {
				t.Fatal(err, b.Incidents())
			}
			ballast := fill(t, dir)
			pad = strings.Repeat("x", 10_000) // what is no larger than before has its room
			refused(t, work(30*time.Second), syscall.ENOSPC)
			in := b.Incidents()
			if len(in) != 1 || in[0].Fault != "unhealthy" || in[0].Subject.Name != "checkpoint" || in[0].Phase != "escalated" ||
				!strings.Contains(fmt.Sprint(in[0]), "no space left on device") {
				t.Errorf("%+v", in)
			}
			if steps != 40 {
				t.Errorf("the task took %d steps, want 40: it goes on", steps)
			}
			if err := ballast.Truncate(0); err != nil {
				t.Fatal(err)
			}
			if err := work(2 * time.Minute); err != nil {
				t.Error(err)
			}
			if in := b.Incidents(); len(in) != 1 || in[0].Outcome != "recovered" {
				t.Errorf("%+v", in)
			}
			return nil
		})
		found(t, resume(t, checkpoint.Dir(dir), "orders"), steps)
	})
}

func TestReadOnlyDisk(t *testing.T) {
	if !apart(t, true) {
		return
	}
	dir := disk(t)
	c := resume(t, checkpoint.Dir(dir), "k")
	save(t, c, 1)
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	refused(t, c.Save(t.Context(), progress{Done: 2}), syscall.EROFS)
	_, err := checkpoint.Resume[progress](t.Context(), checkpoint.Dir(dir), "k")
	refused(t, err, syscall.EROFS)
	remount(0)
	save(t, c, 3)
	found(t, resume(t, checkpoint.Dir(dir), "k"), 3)
}

// The limit on file sizes fails a write in its middle, for users of all rights.
func TestFileTooLarge(t *testing.T) {
	if !apart(t, false) {
		return
	}
	dir := t.TempDir()
	c := resume(t, checkpoint.Dir(dir), "k")
	save(t, c, 1)
	save(t, c, 2)
	limit := syscall.Rlimit{Cur: 1000, Max: 1000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	refused(t, c.Save(t.Context(), progress{Pad: strings.Repeat("x", 2000)}), syscall.EFBIG)
	left(t, dir, "k.claim", "k.epoch", "k.lock", "k.prev", "k.state")
	found(t, resume(t, checkpoint.Dir(dir), "k"), 2)
}

func TestPermissionDenied(t *testing.T) {
	dir := t.TempDir()
	c := resume(t, checkpoint.Dir(dir), "k")
	save(t, c, 1)
	allow := func(mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	allow(0o500)
	var err error
	asNobody(func() { err = c.Save(t.Context(), progress{Done: 2}) })
	refused(t, err, fs.ErrPermission)
	asNobody(func() { _, err = checkpoint.Resume[progress](t.Context(), checkpoint.Dir(dir), "k") })
	refused(t, err, fs.ErrPermission)
	allow(0o700)
	save(t, c, 3)
	found(t, resume(t, checkpoint.Dir(dir), "k"), 3)
}

// asNobody takes root's rights over files from this thread while f runs. Others have none.
func asNobody(f func()) {
	if os.Getuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		as := func(uid uintptr) { _, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, uid, 0, 0) } // it has no errors
		as(65534)
		defer as(0)
	}
	f()
}
