package heal

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/aside"
)

// Entry is one line of the journal: a command before it is carried out, or what
// became of it.
type Entry struct {
	Time    time.Time `json:"time"`
	Command Command   `json:"command"`
	Result  string    `json:"result,omitempty"` // empty: about to be carried out
	Detail  string    `json:"detail,omitempty"`
}

// ErrJournal is returned when an entry could not be written. It is kept in
// memory all the same.
var ErrJournal = errors.New("heal: journal cannot be written")

// maxEntries bounds what is kept in memory.
const maxEntries = 1024

// Journal keeps the last 1024 entries in memory and writes each as a line of
// JSON to a writer, if it has one. It may be used from any goroutine.
type Journal struct {
	w       io.Writer
	writing sync.Mutex   // of w
	behind  atomic.Int64 // writes that hang

	mu      sync.Mutex
	entries []Entry
	failed  int
}

// NewJournal returns a journal. w may be nil. A write that fails, panics or takes
// longer than a second is an error, and so is all that comes before one that hangs
// has returned.
func NewJournal(w io.Writer) *Journal { return &Journal{w: w} }

// Append adds an entry. An error matches [ErrJournal].
func (j *Journal) Append(e Entry) (err error) {
	j.mu.Lock()
	if len(j.entries) == maxEntries {
		j.entries = slices.Delete(j.entries, 0, 1)
	}
	j.entries = append(j.entries, e)
	j.mu.Unlock()
	if j.w == nil {
		return nil
	}
	if err = j.write(e); err != nil {
		j.mu.Lock()
		j.failed++
		j.mu.Unlock()
	}
	return err
}

// write writes a line, on a goroutine of its own: the writer is other people's
// code, and so are its errors, whose text is made there too.
func (j *Journal) write(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	if j.behind.Load() > 0 {
		return fmt.Errorf("%w: the writer has not come back from a line before", ErrJournal)
	}
	err, broke := aside.Call(patience, &j.behind, func() error {
		j.writing.Lock()
		defer j.writing.Unlock()
		if n, err := j.w.Write(append(line, '\n')); err != nil || n <= len(line) {
			return fmt.Errorf("%w: %w", ErrJournal, cmp.Or(err, io.ErrShortWrite))
		}
		return nil
	})
	if broke != nil {
		return fmt.Errorf("%w: the writer: %w", ErrJournal, broke)
	}
	return err
}

// patience is how long a line may take to be written.
const patience = time.Second

// Entries returns the entries that are kept, oldest first.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

// Failed returns how many entries could not be written.
func (j *Journal) Failed() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed
}
