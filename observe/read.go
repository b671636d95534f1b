package observe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
)

// Segments yields the segments of the recording in a folder, one file after the
// other, and needs memory for one segment only. What one run of a process
// recorded comes in one piece, older runs first.
//
// Where a file can be read no further, it yields first the turns that came
// before, then a [*RecordingError], and then goes on with the next file. A
// segment that does not follow from the one before, because another run begins
// or because turns are missing, is marked Fresh. A folder without a recording
// yields an error that matches [ErrNoRecording].
func Segments(fsys fs.FS) iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		read(fsys, func(s Segment, _ int, err error) bool { return yield(s, err) })
	}
}

// read is Segments with what each segment takes in memory.
func read(fsys fs.FS, yield func(Segment, int, error) bool) {
	files, err := ringFiles(fsys)
	if err == nil && len(files) == 0 {
		err = errors.New("it has no files that end in " + extension)
	}
	if err != nil {
		yield(Segment{}, 0, fmt.Errorf("%w: %w: give the folder that the recording is in, recording/ in that of hale.WithDir", ErrNoRecording, err))
		return
	}
	runs := map[string]int{} // in order of their first files
	for _, f := range files {
		if _, known := runs[f.run]; !known {
			runs[f.run] = len(runs)
		}
	}
	slices.SortStableFunc(files, func(a, b ringFile) int { return runs[a.run] - runs[b.run] })
	last := struct {
		run string
		seq uint64
	}{run: files[0].run}
	first := true
	for _, f := range files {
		if !readFile(fsys, f, func(s Segment, size int, err error) bool {
			if n := len(s.Turns); n > 0 {
				s.Fresh = s.Fresh || (!first && (f.run != last.run || s.Turns[0].Seq != last.seq+1))
				first, last.run, last.seq = false, f.run, s.Turns[n-1].Seq
				if !yield(s, size, nil) {
					return false
				}
			}
			return err == nil || yield(Segment{}, 0, err)
		}) {
			return
		}
	}
}

// readFile reads one file and reports whether to go on with the next. It yields
// turns and an error together.
func readFile(fsys fs.FS, f ringFile, yield func(Segment, int, error) bool) bool {
	in, err := fsys.Open(f.name())
	if errors.Is(err, fs.ErrNotExist) {
		return true // forgotten meanwhile
	}
	if err != nil {
		return yield(Segment{}, 0, &RecordingError{File: f.name(), Err: err, Mend: "make the file readable"})
	}
	defer in.Close()
	r, err := newFileReader(f.name(), f.run, in)
	if err != nil {
		return yield(Segment{}, 0, err)
	}
	for {
		s, size, err := r.segment()
		if errors.Is(err, io.EOF) {
			return yield(s, size, nil)
		}
		if !yield(s, size, err) {
			return false
		}
		if err != nil {
			return true
		}
	}
}

// Bounds of what ReadRecording returns.
const (
	maxRead   = 1 << 30 // in memory, in bytes, roughly
	maxErrors = 16
)

// ReadRecording reads the recording in a folder: what a runtime with
// hale.WithDir(d) left in the folder recording of d. It returns all that can be
// read, also with an error, which joins one [*RecordingError] for each file that
// could not be read to its end. The file that a running process still writes,
// and the last of one that was killed, give one that matches [ErrTruncated].
//
// It returns at most about 1 GB, the newest; if there is more, the error matches
// [ErrTooLarge]. [Segments] has no such limit.
func ReadRecording(dir string) (Recording, error) { return readRecording(dir, maxRead) }

func readRecording(dir string, limit int) (Recording, error) {
	var rec Recording
	var sizes []int
	var errs []error
	total, more, left := 0, 0, 0
	read(os.DirFS(dir), func(s Segment, size int, err error) bool {
		var at *RecordingError
		if errors.As(err, &at) {
			at.File = filepath.Join(dir, at.File)
		} else if err != nil {
			err = fmt.Errorf("%s: %w", dir, err)
		}
		switch {
		case err == nil:
			rec.Segments, sizes = append(rec.Segments, s), append(sizes, size)
			total += size
		case len(errs) < maxErrors:
			errs = append(errs, err)
		default:
			more++
		}
		for total > limit && len(sizes) > 1 {
			total -= sizes[0]
			rec.Segments[0] = Segment{} // lets go of its turns
			rec.Segments, sizes = rec.Segments[1:], sizes[1:]
			left++
		}
		return true
	})
	if more > 0 {
		errs = append(errs, fmt.Errorf("observe: %d more errors", more))
	}
	if left > 0 {
		errs = append(errs, fmt.Errorf("%w: the oldest %d segments are left out: read them one by one with observe.Segments", ErrTooLarge, left))
	}
	return rec, errors.Join(errs...)
}
