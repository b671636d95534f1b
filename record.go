package hale

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// Bounds of the recording on disk.
const (
	recordBytes = 64 << 20
	// maxUnwritten is how many turns may wait for a disk that hangs.
	maxUnwritten = 2 * recordTurns
	// maxUnwrittenBytes is how much memory they may take, roughly: turns of a busy
	// service have megabytes.
	maxUnwrittenBytes = 16 << 20
	// recordPatience is how long a turn waits for its own record. It takes
	// microseconds; who takes longer goes on behind the loop's back.
	recordPatience = 100 * time.Millisecond
	// closePatience is how long Close waits for the disk.
	closePatience = time.Second
)

// openSegment opens a segment in the recordings when one is due.
func (rt *Runtime) openSegment() {
	if !rt.recorder.Due() && !rt.disk.lost() {
		return
	}
	state, err := rt.loop.state()
	if err != nil && !rt.tellDetectors(err) {
		rt.log(slog.LevelWarn, "the loop's state cannot be recorded", "error", err)
	}
	segment := rt.recorder.Open(state)
	rt.disk.put(unwritten{segment: &segment})
}

// tellDetectors tells once of each detector that does not give what it remembers, and
// reports whether that is what the error says. The others gave theirs.
func (rt *Runtime) tellDetectors(err error) bool {
	var lost detect.PanelError
	if !errors.As(err, &lost) {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		rt.misuse(observe.Subject{Name: name}, "a detector does not give what it remembers, and is without it in recordings or after a restart", lost[name].Error())
	}
	return true
}

// record adds a turn to the recordings.
func (rt *Runtime) record(t observe.Turn) {
	rt.recorder.Add(t)
	rt.disk.put(unwritten{turn: &t})
}

// diskRecorder keeps the recording on disk. It writes on a goroutine that lives
// while there is something to write, so that a disk that hangs or fails costs the
// recording and nothing else.
type diskRecorder struct {
	rt     *Runtime
	writer segmentWriter // the goroutine's

	mu      sync.Mutex
	queue   []unwritten
	bytes   int           // of the queue, roughly
	written chan struct{} // closed when the queue is empty; nil: no goroutine
	gap     bool          // turns are dropped until the next segment
	closed  bool
	failing bool // it has been reported
	anew    bool // its file was removed: the next turn is to open a segment
}

// segmentWriter is an [observe.Writer], or what tests have in its place.
type segmentWriter interface {
	Open(observe.Segment) error
	Add(observe.Turn) error
	Close() error
}

// unwritten is what waits for the disk: a segment that opens, or a turn, or the
// end.
type unwritten struct {
	segment *observe.Segment
	turn    *observe.Turn
}

// size estimates the bytes that it keeps in memory.
func (u unwritten) size() int {
	switch {
	case u.segment != nil:
		return len(u.segment.State)
	case u.turn != nil:
		return u.turn.Size()
	}
	return 0
}

// newDiskRecorder returns nil, which records nothing, without a folder.
func newDiskRecorder(rt *Runtime) (*diskRecorder, error) {
	if rt.opts.dir == "" {
		return nil, nil
	}
	w, err := observe.NewWriter(filepath.Join(rt.opts.dir, "recording"), recordBytes)
	if err != nil {
		return nil, &ConfigError{Field: "WithDir", Value: rt.opts.dir, Err: err, Mend: "give a folder that this process may write to"}
	}
	return &diskRecorder{rt: rt, writer: w}, nil
}

// put hands something over to the disk. It waits a moment until it is written,
// but not behind a disk that hangs already.
func (d *diskRecorder) put(u unwritten) {
	if d == nil {
		return
	}
	d.mu.Lock()
	waits := d.written != nil
	switch {
	case d.closed, d.gap && u.segment == nil:
		d.mu.Unlock()
		return
	case len(d.queue) >= maxUnwritten, len(d.queue) > 0 && d.bytes+u.size() > maxUnwrittenBytes:
		d.gap = true
		d.mu.Unlock()
		d.report(errDiskHangs)
		return
	}
	d.gap = false
	written := d.add(u)
	d.mu.Unlock()
	if !waits {
		await(written, recordPatience)
	}
}

// add puts something into the queue and sees to it that it is written. It needs
// the lock.
func (d *diskRecorder) add(u unwritten) (written <-chan struct{}) {
	d.queue = append(d.queue, u)
	d.bytes += u.size()
	if d.written == nil {
		d.written = make(chan struct{})
		go d.write()
	}
	return d.written
}

func await(done <-chan struct{}, patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// write empties the queue.
func (d *diskRecorder) write() {
	for {
		d.mu.Lock()
		if len(d.queue) == 0 {
			close(d.written)
			d.written, d.queue = nil, nil
			d.mu.Unlock()
			return
		}
		next := d.queue[0]
		d.queue[0] = unwritten{}
		d.queue = d.queue[1:]
		d.bytes -= next.size()
		d.mu.Unlock()
		d.report(d.writeOne(next))
	}
}

func (d *diskRecorder) writeOne(u unwritten) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("hale: the recording's writer panicked: %.200v", v)
		}
	}()
	switch {
	case u.segment != nil:
		return d.writer.Open(*u.segment)
	case u.turn != nil:
		return d.writer.Add(*u.turn)
	}
	return d.writer.Close()
}

var errDiskHangs = errors.New("hale: the disk takes nothing any more")

// report tells once that the disk fails, and once that it works again.
func (d *diskRecorder) report(err error) {
	d.mu.Lock()
	was := d.failing
	d.failing = err != nil
	d.anew = d.anew || !was && errors.Is(err, fs.ErrNotExist)
	d.mu.Unlock()
	switch {
	case err != nil && !was:
		detail := printable(err.Error(), maxDetail)
		d.rt.emit(observe.Event{Kind: observe.EventRecordingFailed, Subject: observe.Subject{Name: "hale.recording"}, Detail: detail})
		d.rt.log(slog.LevelWarn, "the recording cannot be written to disk; it goes on in memory and is tried again", "error", err)
	case err == nil && was:
		d.rt.log(slog.LevelInfo, "the recording is written to disk again")
	}
}

// lost reports, once, that the file was removed: only a segment's begin can be
// written to another.
func (d *diskRecorder) lost() bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	anew := d.anew
	d.anew = false
	return anew
}

// close ends the recording. It waits for the disk, but not for ever.
func (d *diskRecorder) close() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	written := d.add(unwritten{})
	d.mu.Unlock()
	if !await(written, closePatience) {
		return fmt.Errorf("hale: the disk did not take the end of the recording within %v", closePatience)
	}
	return nil
}
