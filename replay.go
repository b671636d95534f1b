package hale

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hale-go/hale/observe"
)

// digest is the same for the same decision, byte for byte: the first half of the
// SHA-256 of its JSON, in hexadecimal digits. A decision to do and to say nothing
// has none.
func (d Decision) digest() string {
	if len(d.Commands) == 0 && len(d.Events) == 0 {
		return ""
	}
	b, err := json.Marshal(d)
	if err != nil {
		return "none: " + err.Error() // no detector's number gets so far
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:len(sum)/2])
}

var (
	// ErrRecording is returned for a recording that cannot be replayed.
	ErrRecording = errors.New("hale: recording cannot be replayed")
	// ErrOtherSettings is returned by [VerifyReplay] for what was decided under other
	// settings.
	ErrOtherSettings = errors.New("hale: recorded with other settings")
	// ErrDiffers is returned by [VerifyReplay] when a replay decides otherwise
	// than the runtime did.
	ErrDiffers = errors.New("hale: replay differs from the recording")
)

// Replay runs the loop over a recording and returns what it decides, turn by
// turn. With the options of the runtime that made the recording it is what that
// runtime decided; with others it is what they would have. Nothing is carried
// out. It starts from the state of the recording's first segment, so that each
// segment can also be replayed alone. A turn in which the loop broke decided
// nothing and is left out. A recording that makes no sense gives an error that
// matches [ErrRecording] and names the segment and turn, with the decisions up to
// there.
func Replay(rec observe.Recording, opts ...Option) (out []Decision, err error) {
	err = replay(rec, opts, func(_ int, _ observe.Turn, d Decision) error {
		out = append(out, d)
		return nil
	})
	return out, err
}

// VerifyReplay replays a recording with the options of the runtime that made it
// and compares what it decides with what was decided, byte for byte, by the
// digests that the recording keeps. It returns nil if all is the same, and an error
// that matches [ErrDiffers] and names the first segment and turn that differ.
//
// Segments that other settings decided, as [observe.Segment] tells by its revision, are
// left out: the settings may have been changed while the runtime ran, or between two
// runs. If all others are the same, the error matches [ErrOtherSettings] and says how
// many were left out and which revisions they have: verify these with their own
// settings.
//
// A detector of one's own that remembers must be a [detect.Stateful], or replays of the
// middle of a recording differ.
func VerifyReplay(rec observe.Recording, opts ...Option) error {
	if len(rec.Segments) == 0 {
		return fmt.Errorf("%w: it is empty, which proves nothing", ErrRecording)
	}
	o, err := gather(opts)
	if err != nil {
		return err
	}
	mine, at, others := decidedUnder(o.config.revision(), rec)
	var first json.RawMessage
	err = replay(mine, opts, func(i int, t observe.Turn, d Decision) error {
		if i == 0 || mine.Segments[i].Fresh {
			first = mine.Segments[i].State
		}
		was, is := t.Decided, d.digest()
		if was == is {
			return nil
		}
		mend := "replay it with the detectors, remedies and version of hale that recorded it"
		if lost := lostState(first); len(lost) > 0 {
			mend = "begin with an earlier segment: this one lacks the state of " + strings.Join(lost, ", ")
		}
		return fmt.Errorf("%w: segment %d, turn %d of %s: the decision's digest was %q and is %q: %s", ErrDiffers, at[i], t.Seq, t.Time, was, is, mend)
	})
	switch n := len(at); {
	case err == nil && n == 0:
		return fmt.Errorf("%w: all %d segments are of revision %s, these are %s: verify them with theirs", ErrOtherSettings, len(rec.Segments), strings.Join(others, ", "), o.config.revision())
	case err == nil && len(others) > 0:
		return fmt.Errorf("%w: %d of %d segments, of revision %s, were not compared: verify them with theirs; the other %d, of revision %s, decide as recorded",
			ErrOtherSettings, len(rec.Segments)-n, len(rec.Segments), strings.Join(others, ", "), n, o.config.revision())
	}
	return err
}

// maxRevisions is how many revisions an error names.
const maxRevisions = 3

// decidedUnder returns the segments of a revision, where they stand in the recording,
// and which other revisions it has. What comes after one of another goes on from its
// own state. A segment without a revision, which nobody wrote down, is of any.
func decidedUnder(revision string, rec observe.Recording) (mine observe.Recording, at []int, others []string) {
	skipped := false
	for i, s := range rec.Segments {
		if s.Revision != "" && s.Revision != revision {
			if len(others) == maxRevisions && !slices.Contains(others, s.Revision) {
				others = append(others, "others")
			} else if len(others) < maxRevisions && !slices.Contains(others, s.Revision) {
				others = append(others, s.Revision)
			}
			skipped = true
			continue
		}
		s.Fresh = s.Fresh || skipped
		skipped = false
		mine.Segments, at = append(mine.Segments, s), append(at, i)
	}
	return mine, at, others
}

// replay calls each with every turn and what the loop decides in it, until that
// returns an error.
func replay(rec observe.Recording, opts []Option, each func(segment int, t observe.Turn, d Decision) error) (err error) {
	o, err := gather(opts)
	if err != nil {
		return err
	}
	l, err := newLoop(o, 0)
	if err != nil {
		return err
	}
	var segment int
	var turn uint64
	defer func() { // what a damaged state makes the stages trip over is an error too
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: segment %d, turn %d: %.200v", ErrRecording, segment, turn, v)
		}
	}()
	for i, s := range rec.Segments {
		segment = i
		if s.Fresh {
			if l, err = newLoop(o, 0); err != nil {
				return err
			}
		}
		if (i == 0 || s.Fresh) && len(s.State) > 0 {
			if err := l.setState(s.State); err != nil {
				return fmt.Errorf("%w: segment %d: %w", ErrRecording, i, err)
			}
		}
		for _, t := range s.Turns {
			if t.Broke {
				continue
			}
			turn = t.Seq
			if err := each(i, t, l.turn(&t)); err != nil {
				return err
			}
		}
	}
	return nil
}
