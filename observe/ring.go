package observe

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// extension marks the files that belong to a recording. Others in its folder are
// left alone.
const extension = ".halerec"

// ringFile is one file of a recording: a number, which grows with each file that
// is made in the folder, and the run of a process that made it.
type ringFile struct {
	number uint64
	run    string
	size   int64
}

// name sorts by number.
func (f ringFile) name() string { return fmt.Sprintf("%010d-%s%s", f.number, f.run, extension) }

// maxFileNumber is the largest that keeps names sorted: a file a second for
// three centuries.
const maxFileNumber = 9_999_999_999

func parseRingFile(name string) (ringFile, bool) {
	stem, ok := strings.CutSuffix(name, extension)
	digits, run, dash := strings.Cut(stem, "-")
	n, err := strconv.ParseUint(digits, 10, 64)
	f := ringFile{number: n, run: run}
	return f, ok && dash && err == nil && n <= maxFileNumber && f.name() == name
}

// ringFiles returns the recording's files, oldest first.
func ringFiles(fsys fs.FS) ([]ringFile, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var out []ringFile
	for _, e := range entries {
		f, ok := parseRingFile(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // forgotten meanwhile
		}
		if err != nil {
			return nil, err
		}
		f.size = info.Size()
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b ringFile) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.run, b.run))
	})
	return out, nil
}

// makeRoom removes the oldest files until there is room for one more of size
// bytes, and returns the number of the next file.
func makeRoom(dir string, size, maxBytes int64, maxFiles int) (next uint64, err error) {
	files, err := ringFiles(os.DirFS(dir))
	if err != nil {
		return 0, err
	}
	total := size
	for _, f := range files {
		total += f.size
		next = f.number
	}
	left := len(files)
	for _, f := range files {
		if total <= maxBytes && left < maxFiles {
			break
		}
		// A file that cannot be removed, because someone reads it on a system where
		// that matters, has to wait until the next time.
		if e := os.Remove(filepath.Join(dir, f.name())); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = e
			continue
		}
		total -= f.size
		left--
	}
	switch {
	case total > maxBytes || left >= maxFiles:
		return 0, fmt.Errorf("observe: no room for a recording in %s within %d bytes and %d files: %w", dir, maxBytes, maxFiles, err)
	case next >= maxFileNumber:
		return 0, fmt.Errorf("observe: no number is left for a recording in %s: move its files away", dir)
	}
	return next + 1, nil
}
