package detect

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/hale-go/hale/observe"
)

// Spans finds spans that never end, and those that end after the span which called
// them.
//
// Unfinished: three more spans than ever before have run for eight times as long as
// nearly all of their operation take, and for 16 s. That is confirmed when three more
// have run for a minute, their number has risen twice and has not fallen for two
// minutes, while most of what began ended as usual. Spans of an operation that end
// by themselves after such a time are work: how many there are is learned. One that
// takes for eight seconds or more as it is, and one of which nothing ends, such as a
// stream, is not judged.
//
// Outlived: a share of children that end after their parents which is far from what
// is usual for the operation, in two minutes in a row. It only suspects: work that
// is handed on may be meant so. A turn costs about 0.2 µs for each operation.
type Spans struct{ state spansState }

type spansState struct {
	Last       time.Time       `json:"last,omitzero"`
	Minute     time.Time       `json:"minute,omitzero"`
	Operations roster[spansOp] `json:"operations,omitempty"`
}

// spansOp is what is known of an operation. Ages are powers of two of a second.
type spansOp struct {
	Lives   lives    `json:"lives,omitempty"`
	High    [2]int64 `json:"high"`           // usually waiting at the most, for the judged age and for a minute
	Learned float64  `json:"learned"`        // seconds
	Ends    float64  `json:"ends,omitempty"` // spans that ended after the judged age, of late

	Age     int       `json:"age,omitempty"`     // judged, a power of two
	Old     int64     `json:"old,omitempty"`     // of that age, now
	Minutes int64     `json:"minutes,omitempty"` // of a minute and more, now
	Since   time.Time `json:"since,omitzero"`
	Begun   float64   `json:"begun,omitempty"` // spans since then
	Rises   int       `json:"rises,omitempty"`
	Fell    time.Time `json:"fell,omitzero"`
	Rose    time.Time `json:"rose,omitzero"`

	Outlived apart `json:"outlived"`
}

// apart is how large the share of spans is that outlive their callers.
type apart struct {
	N       float64   `json:"n,omitempty"` // ended in this minute
	K       float64   `json:"k,omitempty"` // of them outlived
	Share   float64   `json:"share,omitempty"`
	Minutes int       `json:"minutes,omitempty"` // learned
	Hits    int       `json:"hits,omitempty"`
	Now     float64   `json:"now,omitempty"`
	Count   float64   `json:"count,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

const (
	leastAge      = 16 * time.Second
	agesUsual     = 8
	fewestNever   = 3
	learnWaiting  = 10 * time.Minute // of an operation, in which what waits is usual
	neverFell     = 2 * time.Minute
	stillRising   = 90 * time.Second
	shareMinutes  = 10 // before a share is usual
	fewestChilds  = 30 // of a minute that is judged
	fewestOutlive = 5.
)

// NewSpans returns the detector.
func NewSpans() *Spans { return &Spans{} }

// Detect implements [Detector].
func (d *Spans) Detect(t observe.Turn) []Finding {
	st := &d.state
	dt := min(max(t.Time.Sub(st.Last), time.Millisecond), time.Minute)
	if st.Last.IsZero() || t.Time.Before(st.Last) {
		st.Minute, dt = t.Time, time.Second
	}
	st.Last = t.Time
	minute := t.Time.Sub(st.Minute) >= time.Minute
	if minute {
		st.Minute = t.Time
	}
	p := pace{now: t.Time, dt: dt, slow: part(dt, time.Hour), slowdown: slowdownOf(&t.Sample)}
	st.Operations.each(t.Sample.Operations, func(e *rostered[spansOp], o *observe.OperationStat) {
		if o == nil {
			o = &observe.OperationStat{}
		}
		e.Is.follow(o, p)
		e.Is.Outlived.follow(o, minute, p)
	})
	var out []Finding
	for i := range st.Operations {
		e := &st.Operations[i]
		if len(out) > maxFindings-2 || (len(out) > 0 && out[len(out)-1].Subject.Name == e.Name) {
			continue
		}
		if !e.Is.Since.IsZero() && t.Time.Sub(e.Is.Since) >= leastSilence {
			out = append(out, e.Is.finding(e.subject(), t.Time))
		}
		if a := &e.Is.Outlived; a.Hits >= suspectAt {
			out = append(out, a.finding(e.subject()))
		}
	}
	return out
}

// follow takes what an operation did in a turn.
func (s *spansOp) follow(o *observe.OperationStat, p pace) {
	longest := longestOf(o.Latency)
	s.Lives.learn(longest)
	usual, known := s.Lives.usual()
	limit := time.Duration(float64(max(leastAge, min(agesUsual*usual, time.Hour))) * p.slowdown)
	if !known || limit > 64*time.Second || o.InFlight < 0 {
		s.forget()
		return
	}
	s.Age = bits.Len64(uint64((limit - 1) / time.Second))
	old, minutes := int64(waitingFor(o.Waiting, 1<<s.Age*time.Second)), int64(waitingFor(o.Waiting, time.Minute+4*time.Second))
	s.Ends -= p.slow * s.Ends
	if age := 1 << s.Age * time.Second; longest >= age {
		s.Ends += float64(min(o.Latency.Above(age), 1000))
	}
	if minutes < s.Minutes || s.Fell.IsZero() || s.Fell.After(p.now) {
		s.Fell = p.now
	}
	if minutes > s.Minutes && !s.Since.IsZero() {
		s.Rises = min(s.Rises+1, 1000)
		s.Rose = p.now
	}
	s.Old, s.Minutes = old, minutes
	s.Learned = min(s.Learned+p.dt.Seconds(), 1e6)
	learning := s.Learned < learnWaiting.Seconds()
	if learning || s.Ends >= fewestNever {
		s.High = [2]int64{max(s.High[0], old), max(s.High[1], minutes)}
	}
	switch more := old - s.High[0]; {
	case learning || more < (fewestNever+1)/2:
		s.forget()
	case s.Since.IsZero() && more >= fewestNever:
		s.Since, s.Begun, s.Rises, s.Rose = p.now, 0, 0, p.now
	case !s.Since.IsZero():
		s.Begun = min(s.Begun+float64(min(o.Started, mostCoarse)), 1e12)
	}
	if !s.Since.IsZero() && p.now.Sub(s.Since) > acceptable { // it is as it is
		s.High = [2]int64{old, minutes}
		s.forget()
	}
}

func (s *spansOp) forget() { s.Since, s.Begun, s.Rises = time.Time{}, 0, 0 }

func (s *spansOp) finding(subject observe.Subject, now time.Time) Finding {
	more := s.Minutes - s.High[1]
	f := Finding{
		Kind: KindUnfinished, Subject: subject, Confidence: Suspected, Active: now.Sub(s.Rose) < stillRising, Level: float64(s.Old), Unit: inSpans,
		Since: s.Since, TimeToVisible: stillRising,
	}
	most := s.Begun >= 2*float64(more) // of what began ended
	if more >= fewestNever && s.Rises >= 2 && now.Sub(s.Fell) >= neverFell && now.Sub(s.Since) >= neverFell && most && s.Ends < 1 {
		f.Confidence = Confirmed
	}
	usual, _ := s.Lives.usual()
	f.Evidence = []Evidence{{Traces, cutText(fmt.Sprintf("%d spans of %s have run for %v and more, %d of them for a minute; that nearly all end within %v is usual, and %d of that age were the most",
		s.Old, subject.Name, 1<<s.Age*time.Second, s.Minutes, usual, s.High[0]))}}
	return f
}

// follow takes what an operation did in a turn, and judges the share at the end of
// a minute.
func (a *apart) follow(o *observe.OperationStat, minute bool, p pace) {
	a.N += float64(min(o.Ended, mostCoarse))
	a.K += float64(min(o.Outlived, o.Ended, mostCoarse))
	if !minute || a.N < fewestChilds {
		return
	}
	n, k, expected := a.N, a.K, a.Share*a.N
	a.Now, a.Count, a.N, a.K = k/n, n, 0, 0
	known := a.Minutes >= shareMinutes
	if known && k >= expected+spreads*math.Sqrt(expected)+fewestOutlive && a.Now >= 2*a.Share+.05 && p.now.Sub(a.Since) < acceptable {
		if a.Hits++; a.Hits == 1 {
			a.Since = p.now
		}
		return
	}
	a.Hits, a.Since = 0, p.now
	a.Share += max(1/float64(a.Minutes+1), 1./60) * (a.Now - a.Share)
	a.Minutes = min(a.Minutes+1, 1000)
}

func (a *apart) finding(subject observe.Subject) Finding {
	return Finding{
		Kind: KindOutlived, Subject: subject, Confidence: Suspected, Active: true, Level: a.Now * a.Count, Unit: inSpans,
		Since: a.Since, TimeToVisible: 2 * time.Minute,
		Evidence: []Evidence{{Traces, cutText(fmt.Sprintf("%.2g %% of %.0f spans of %s in a minute ended after the span that had called them, usually %.2g %%: work that is handed on, or callers that do not wait",
			100*a.Now, a.Count, subject.Name, 100*a.Share))}},
	}
}

// State implements [Stateful].
func (d *Spans) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Spans) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *spansState) error { return s.Operations.check((*spansOp).check) })
}

func (s *spansOp) check() error {
	a := &s.Outlived
	for _, v := range []float64{s.Learned, s.Ends, s.Begun, a.N, a.K, a.Share, a.Now, a.Count, float64(a.Minutes), float64(a.Hits), float64(s.Age)} {
		if v < 0 || v > 1e15 {
			return errRange
		}
	}
	if s.Age > 6 {
		return errRange
	}
	return s.Lives.check()
}
