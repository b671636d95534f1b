package detect

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hale-go/hale/observe"
)

// Kind is what a finding is about.
type Kind string

// The kinds that the built-in detectors report.
const (
	KindLeak  Kind = "goroutine_leak"
	KindStuck Kind = "stuck_task"
	// KindPanic is panics that are no loop, be it one or few among many tasks. That
	// they happened is certain; what is suspected is a loop.
	KindPanic     Kind = "panic"
	KindPanicLoop Kind = "panic_loop"
	// KindRestartStorm is a supervised task that is started again too often, without a panic.
	KindRestartStorm Kind = "restart_storm"
	// KindHangLoop is a task of which run after run hangs and is replaced.
	KindHangLoop  Kind = "hang_loop"
	KindAbandoned Kind = "abandoned_bodies"
	KindOverdue   Kind = "overdue_task"

	KindLogPattern      Kind = "log_pattern"       // a burst of records that match a pattern
	KindLoggedPanics    Kind = "logged_panics"     // one stack is logged again and again
	KindLogVolume       Kind = "log_volume"        // a storm of records, or silence where there were some
	KindNewLogForm      Kind = "new_log_form"      // records such as there never were before
	KindAnomaly         Kind = "anomaly"           // a metric does what it never did before
	KindSaturation      Kind = "saturation"        // a resource is used up
	KindExhaustion      Kind = "exhaustion_ahead"  // a resource will be used up soon
	KindVanishedLogForm Kind = "vanished_log_form" // records that always came, and no longer do
	KindErrorRate       Kind = "error_rate"
	KindBusinessErrors  Kind = "business_errors"
	KindBurnRate        Kind = "burn_rate"
	KindSlow            Kind = "slow_operation"
	KindCreep           Kind = "slow_creep"
	KindStalled         Kind = "stalled_operation"
	KindUnfinished      Kind = "unfinished_spans"
	KindOutlived        Kind = "outlived_spans"
	KindOpenBreaker     Kind = "open_breaker" // what is called keeps failing, and its breaker is open
	KindFullDomain      Kind = "full_domain"  // a fault domain turns calls away for want of room
	KindLost            Kind = "lost_goroutines"
	KindUnhealthy       Kind = "unhealthy" // a part of the service says that it is not well
)

// Confidence says how sure a detector is. Remedies need a confirmed finding.
type Confidence uint8

// The levels of confidence.
const (
	Suspected Confidence = iota + 1
	Confirmed
)

// String returns "suspected" or "confirmed".
func (c Confidence) String() string {
	switch c {
	case Suspected:
		return "suspected"
	case Confirmed:
		return "confirmed"
	}
	return fmt.Sprintf("Confidence(%d)", uint8(c))
}

// MarshalText implements [encoding.TextMarshaler].
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *Confidence) UnmarshalText(b []byte) error {
	for _, known := range []Confidence{Suspected, Confirmed} {
		if known.String() == string(b) {
			*c = known
			return nil
		}
	}
	return fmt.Errorf("detect: confidence %.20q is neither suspected nor confirmed", b)
}

// Channel is the kind of signal that a piece of evidence comes from. Two pieces
// from different channels are independent.
type Channel string

// The channels.
const (
	Logs     Channel = "logs"
	Metrics  Channel = "metrics"
	Traces   Channel = "traces"
	Profiles Channel = "profiles"
	Tasks    Channel = "tasks" // what hale itself saw of a task's life
)

// Evidence is one ground for a finding, in a line that a person can check.
type Evidence struct {
	Channel Channel `json:"channel"`
	Text    string  `json:"text"`
}

// Finding is what a detector says is wrong now. A detector reports it in every
// turn in which the symptom or its remains are there; a finding that is no
// longer reported has cleared.
//
// The kind, each part of the subject and of the cause, and the evidence's channel
// must be valid UTF-8 and printable, of at most 512 bytes each, or the panel drops
// the finding.
// In the evidence's text it replaces what is not printable.
type Finding struct {
	Detector   string          `json:"detector,omitempty"` // set by the panel
	Kind       Kind            `json:"kind"`
	Subject    observe.Subject `json:"subject"`
	Confidence Confidence      `json:"confidence"`
	Severity   Severity        `json:"severity,omitempty"` // Major unless the detector says otherwise

	// Cause is what the symptom follows from, where the detector knows: the operation
	// in which the errors began. The finding then belongs to the incident about that.
	// It may be the subject itself, when another finding about it explains this one.
	Cause observe.Subject `json:"cause,omitzero"`

	// Active reports that the symptom goes on. An inactive finding is what it
	// left behind: a leak that no longer grows, for example.
	Active bool `json:"active"`
	// Level is how bad it is while the symptom goes on, as a number of Units: more is
	// worse. Of an inactive finding it is how much is left, 0 where nothing can be, as
	// of a rate or of a duration. Verification compares it before and after a remedy.
	Level float64 `json:"level"`
	// Unit is what Level counts, as people read it after the number: "goroutines",
	// "%", "times". Findings of one kind about one subject have one unit; levels of
	// different units are never compared. Default: none, the bare number is shown.
	Unit string `json:"unit,omitempty"`

	// Reflex reports that a contract which the developer declared is already
	// dealing with it: a restart or a replacement. The loop then waits and
	// verifies before it does anything of its own.
	Reflex bool `json:"reflex,omitempty"`

	Evidence []Evidence `json:"evidence"`
	Since    time.Time  `json:"since"` // when the symptom was first seen

	// From is the start of the time that Active speaks of, where that is not the
	// turn itself: a detector that looks only now and then says how far back the
	// looks that it compared go.
	From time.Time `json:"from,omitzero"`
	// TimeToVisible is how long after a change the detector needs until its
	// findings show the change.
	TimeToVisible time.Duration `json:"time_to_visible"`
}

// Key is equal for findings about the same fault of the same subject.
func (f Finding) Key() string { return string(f.Kind) + " " + f.Subject.String() }

// Limits of what a detector may report in one turn.
const (
	maxFindings = 100
	maxEvidence = 16
	maxText     = 512
)

var errGarbage = errors.New("detect: finding makes no sense")

// check reports why a finding cannot be used, nil if it can.
func (f Finding) check() error {
	switch {
	case f.Kind == "" || len(f.Kind) > maxText:
		return fmt.Errorf("%w: kind %.40q", errGarbage, f.Kind)
	case f.Subject.IsZero():
		return fmt.Errorf("%w: no subject", errGarbage)
	case len(f.Subject.String()) > maxText:
		return fmt.Errorf("%w: subject of %d bytes", errGarbage, len(f.Subject.String()))
	case len(f.Cause.String()) > maxText:
		return fmt.Errorf("%w: cause of %d bytes", errGarbage, len(f.Cause.String()))
	case f.Confidence != Suspected && f.Confidence != Confirmed:
		return fmt.Errorf("%w: %v", errGarbage, f.Confidence)
	case f.Severity != Major && f.Severity != Minor:
		return fmt.Errorf("%w: %v", errGarbage, f.Severity)
	case math.IsNaN(f.Level) || math.IsInf(f.Level, 0) || f.Level < 0:
		return fmt.Errorf("%w: level %v", errGarbage, f.Level)
	case f.TimeToVisible < 0 || f.TimeToVisible > time.Hour:
		return fmt.Errorf("%w: time to visible %v", errGarbage, f.TimeToVisible)
	case len(f.Evidence) == 0 || len(f.Evidence) > maxEvidence:
		return fmt.Errorf("%w: %d pieces of evidence", errGarbage, len(f.Evidence))
	}
	for what, s := range f.names() {
		switch {
		case len(s) > maxText:
			return fmt.Errorf("%w: %s of %d bytes", errGarbage, what, len(s))
		case mended(s) != s:
			return fmt.Errorf("%w: %s %.40q has characters that are not printable", errGarbage, what, s)
		}
	}
	for _, e := range f.Evidence {
		if len(e.Text) > maxText {
			return fmt.Errorf("%w: evidence of %d bytes", errGarbage, len(e.Text))
		}
	}
	return nil
}

// names yields what the loop tells faults apart by. It must come out of a
// recording as it went in, so it cannot be mended: two names could become one.
func (f Finding) names() iter.Seq2[string, string] {
	return func(yield func(what, s string) bool) {
		ok := yield("kind", string(f.Kind)) && yield("unit", f.Unit)
		for _, s := range []observe.Subject{f.Subject, f.Cause} {
			ok = ok && yield("task", s.Task.Name) && yield("name", s.Name) &&
				yield("function", s.Site.Function) && yield("file", s.Site.File) && yield("domain", string(s.Domain))
		}
		for i := 0; ok && i < len(f.Evidence); i++ {
			ok = yield("channel", string(f.Evidence[i].Channel))
		}
	}
}

// mended returns s with '_' for each character that a line cannot show and for
// what is not UTF-8, which JSON would change.
func mended(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsGraphic(r) {
			return '_'
		}
		return r
	}, s)
}

// cutText cuts s to the bytes that evidence may have, at the start of a rune.
func cutText(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
