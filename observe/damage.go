package observe

import (
	"errors"
	"fmt"
)

// What may be wrong with a recording; see [RecordingError].
var (
	// ErrTruncated: a file ends before its end. Its process was killed, still
	// writes, or could not write on.
	ErrTruncated = errors.New("observe: recording is cut short")
	// ErrDamaged: bytes of a file are not what was written.
	ErrDamaged = errors.New("observe: recording is damaged")
	// ErrVersion: a file was written by a newer version of hale.
	ErrVersion = errors.New("observe: recording has a newer format")
	// ErrNoRecording: the folder holds no recording.
	ErrNoRecording = errors.New("observe: no recording")
	// ErrTooLarge: a recording does not fit into memory at once.
	ErrTooLarge = errors.New("observe: recording is too large")
)

// RecordingError says where a recording can be read no further. It
// matches one of [ErrTruncated], [ErrDamaged], [ErrVersion], or what the file
// system said.
type RecordingError struct {
	File   string // File is the path of the file, or its name where a file system was given.
	Offset int64  // Offset is where the first record that cannot be read begins, in bytes.
	Err    error
	Mend   string // Mend is what to do about it.
}

// Error names the file, the offset and the fault.
func (e *RecordingError) Error() string {
	return fmt.Sprintf("%s, byte %d: %v", e.File, e.Offset, e.Err)
}

// Unwrap returns the fault.
func (e *RecordingError) Unwrap() error { return e.Err }

// Hint returns the mend.
func (e *RecordingError) Hint() string { return e.Mend }
