package observe

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Bounds of a recording on disk.
const (
	// A file is full at one part in ringParts of the recording, and then takes no
	// further segment. What the last one adds may make it fileParts as long.
	ringParts = 64
	fileParts = 4
	// maxRingFiles keeps a process that crashes again and again from filling the
	// folder with small files.
	maxRingFiles = 1024
	// MinRecordingBytes is the least that [NewWriter] takes.
	MinRecordingBytes = 1 << 20
)

// Writer streams a recording into a ring of files in a folder. Each turn is on
// its way to the disk when Add returns: a crash of the process loses nothing
// that was added, a power failure what the system had not written yet. When the
// ring is full, the oldest files go first. A file that was removed is an error that
// matches [fs.ErrNotExist].
//
// A turn takes about 220 bytes and 50 µs at 10 names of which none changes, and 340
// bytes when all do; 240 bytes and 60 µs, or 1.2 kB and 200 µs, at 100; 330 bytes and
// 120 µs, or 11 kB and 1.2 ms, at 1000. Of that, 90 bytes and up to 30 µs are its
// resources. That is with a snapshot of 40 groups in every tenth turn, on one of two
// shared cores (BenchmarkWriter). A writer keeps
// about 1 MB of memory. It is used by one goroutine at a time.
type Writer struct {
	dir   string
	run   string
	bytes int64 // of all files

	file *os.File
	size int64 // of the file; whole frames only
	out  deflated
	prev *Turn // of the segment
	err  error // why the segment cannot go on
}

// errNoSegment is what Add returns before Open.
var errNoSegment = errors.New("observe: no segment is open")

// NewWriter returns a writer that keeps at most maxBytes in the folder dir,
// which it makes with mode 0700 if it is not there. Files have mode 0600 and
// names of their own, so that processes may share a folder; they then share its
// room too. The first file is made by the first Open. A folder that cannot be
// written to is an error, and so are less than [MinRecordingBytes].
func NewWriter(dir string, maxBytes int64) (*Writer, error) {
	if maxBytes < MinRecordingBytes {
		return nil, fmt.Errorf("observe: a recording of %d bytes: give it at least %d", maxBytes, MinRecordingBytes)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("observe: folder of the recording: %w", err)
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	w := &Writer{dir: dir, run: hex.EncodeToString(id), bytes: maxBytes, err: errNoSegment}
	probe := filepath.Join(dir, "probe-"+w.run)
	f, err := os.OpenFile(probe, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("observe: folder of the recording: %w", err)
	}
	if err := errors.Join(f.Close(), os.Remove(probe)); err != nil {
		return nil, fmt.Errorf("observe: folder of the recording: %w", err)
	}
	return w, nil
}

// Open begins a segment. Its turns, if it has any, are not written: they come by
// Add. After an error of Open or Add, this is where the writer tries again, with
// a new file.
func (w *Writer) Open(s Segment) error {
	if err := w.lost(); err != nil {
		return err
	}
	if w.err != nil || w.size >= w.bytes/ringParts {
		if err := w.next(); err != nil {
			return w.fail(err)
		}
	}
	w.prev = nil
	return w.write(record[*Turn]{Segment: &segmentHead{Revision: s.Revision, State: s.State, Fresh: s.Fresh}})
}

// Add writes the next turn of the segment. After an error the segment has ended,
// and Add returns that error until the next Open.
func (w *Writer) Add(t Turn) error {
	if w.err != nil {
		return w.err
	}
	if err := w.lost(); err != nil {
		return err
	}
	diff, delta := t.since(w.prev)
	if err := w.write(record[*Turn]{Turn: &diff, Delta: delta}); err != nil {
		return err
	}
	w.prev = &t
	return nil
}

// lost ends the segment if someone has removed the file, which writing to it does
// not show.
func (w *Writer) lost() error {
	if w.file == nil {
		return nil
	}
	if _, err := os.Lstat(w.file.Name()); errors.Is(err, fs.ErrNotExist) {
		return w.fail(err)
	}
	return nil
}

// Close ends the file. The writer may be opened again.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	err := w.err // the file is torn
	if err == nil {
		err = w.write(record[*Turn]{End: true})
	}
	if err == nil {
		err = w.file.Close()
	}
	if err != nil {
		return w.fail(err)
	}
	w.file, w.prev, w.err = nil, nil, errNoSegment
	return nil
}

// next ends the file and makes a new one.
func (w *Writer) next() error {
	if err := w.Close(); err != nil {
		return err
	}
	if err := os.MkdirAll(w.dir, 0o700); err != nil { // someone may have tidied up
		return err
	}
	number, err := makeRoom(w.dir, w.fileBytes(), w.bytes, maxRingFiles)
	if err != nil {
		return err
	}
	name := ringFile{number: number, run: w.run}.name()
	if w.file, err = os.OpenFile(filepath.Join(w.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return err
	}
	if err := w.out.restart(); err != nil {
		return err
	}
	w.size, w.err = 0, nil
	if err := w.append([]byte(magic + string(rune(version)))); err != nil {
		return err
	}
	return w.write(record[*Turn]{Run: w.run})
}

// fileBytes is as long as a file may become.
func (w *Writer) fileBytes() int64 { return fileParts * w.bytes / ringParts }

// write adds one record to the file.
func (w *Writer) write(r record[*Turn]) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return w.fail(err)
	}
	if len(raw) > maxRecord {
		return w.fail(fmt.Errorf("a record of %d bytes, at most %d can be read", len(raw), maxRecord))
	}
	w.err = errTorn // stands if the next lines panic
	frame, err := w.out.frame(raw)
	if err != nil {
		return w.fail(err)
	}
	return w.append(frame)
}

// errTorn is the error of a file whose stream may have broken.
var errTorn = errors.New("observe: the recording's file is torn")

func (w *Writer) append(b []byte) error {
	if w.size+int64(len(b)) > w.fileBytes() {
		return w.fail(fmt.Errorf("a segment needs more than %d bytes", w.fileBytes()))
	}
	if _, err := w.file.Write(b); err != nil {
		return w.fail(err)
	}
	w.size += int64(len(b))
	w.err = nil
	return nil
}

// fail ends the file behind its last whole frame.
func (w *Writer) fail(err error) error {
	w.err = fmt.Errorf("observe: recording in %s: %w", w.dir, err)
	if w.file != nil {
		_ = w.file.Truncate(w.size) // readers can tell a torn end too
		_ = w.file.Close()          // it has failed already
		w.file = nil
	}
	w.prev = nil
	return w.err
}
