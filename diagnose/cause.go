package diagnose

import (
	"slices"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// group is the findings of one incident in a turn.
type group struct {
	fault   Fault
	subject observe.Subject

	own       []detect.Finding // about its subject
	followers []detect.Finding // about others, of the same fault, that follow from it
	others    []detect.Finding // that follow from it and are of another fault: no sign of how it stands
}

// symptoms are the findings that tell how the fault stands.
func (g *group) symptoms() []detect.Finding {
	if g == nil {
		return nil
	}
	return slices.Concat(g.own, g.followers)
}

// shown are those that describe it.
func (g *group) shown() []detect.Finding {
	if len(g.own) > 0 {
		return g.own
	}
	return g.followers
}

// worthOpening leaves out what is only the rest of a former fault.
func (g *group) worthOpening() bool {
	return slices.ContainsFunc(g.symptoms(), func(f detect.Finding) bool { return f.Active })
}

// maxCauses is how many causes are followed from one to the next.
const maxCauses = 16

// about is the subject as incidents tell it apart: a name, whichever of its tasks
// shows the fault.
func about(s observe.Subject) observe.Subject {
	if s.Name != "" {
		s.Task = observe.TaskID{}
	}
	return s
}

func keyFor(fault Fault, s observe.Subject) string {
	if fault == PanicLoop || fault == RestartStorm { // a panic is how either may begin
		fault = Panic
	}
	return string(fault) + " " + about(s).String()
}

// keyOf is equal for findings that share a cause: the same fault of the same
// name, whichever of its tasks shows it.
func keyOf(f detect.Finding) string { return keyFor(faultOf(f.Kind), f.Subject) }

// sorting puts the findings of a turn to incidents.
type sorting struct {
	findings []detect.Finding
	byKey    map[string]int             // first finding about a key
	byName   map[string][]int           // findings that explain others, by subject
	moved    map[string]string          // what findings of a key follow from, where they went elsewhere
	underWay map[string]bool            // keys of open incidents that are more than suspected
	adopted  map[string]*Incident       // open incidents, by the keys of what followed from them
	trailing map[string]*Incident       // and by the findings that followed another one of their key
	causes   map[string]observe.Subject // what findings of a key follow from

	groups map[string]*group
	order  []string // of groups, as findings were given: nothing depends on the maps' order
}

// sortOut groups the findings of a turn by incident. One that names its cause goes
// to the incident about that, unless it has one of its own that is under way: what
// is being done there is to be seen through.
func sortOut(findings []detect.Finding, open []*Incident, settling []settling) *sorting {
	if len(findings) == 0 {
		return &sorting{}
	}
	s := &sorting{
		findings: findings, byKey: map[string]int{}, byName: map[string][]int{}, moved: map[string]string{},
		underWay: map[string]bool{}, adopted: map[string]*Incident{}, trailing: map[string]*Incident{},
		causes: map[string]observe.Subject{}, groups: map[string]*group{},
	}
	for _, i := range open {
		s.underWay[i.Key] = i.Phase != Detected
		for _, f := range i.Dependants {
			if s.adopted[keyOf(f)] = i; f.Cause.IsZero() {
				s.trailing[f.Key()] = i
			}
		}
	}
	for n, f := range findings {
		if key := keyOf(f); s.byKey[key] == 0 {
			s.byKey[key] = n + 1
		}
		if _, known := s.causes[keyOf(f)]; !known && !f.Cause.IsZero() {
			s.causes[keyOf(f)] = f.Cause
		}
		if explains(f) {
			name := about(f.Subject).String()
			s.byName[name] = append(s.byName[name], n)
		}
	}
	for _, f := range findings {
		own, fault := keyOf(f), faultOf(f.Kind)
		if settles(settling, own) && !s.underWay[own] {
			continue
		}
		key, of, subject := s.place(f, own, fault)
		g := s.groups[key]
		if g == nil {
			g = &group{fault: of, subject: subject}
			s.groups[key] = g
			s.order = append(s.order, key)
		}
		switch {
		case key == own:
			g.own = append(g.own, f)
			continue
		case of == fault:
			g.followers = append(g.followers, f)
		default:
			g.others = append(g.others, f)
		}
		s.moved[own] = string(of) + " of " + subject.String()
	}
	return s
}

// explains reports whether a finding is sure enough that another one, of another
// fault, is taken for its consequence: one that is no surer, or it would be told to
// nobody.
func explains(f detect.Finding) bool {
	return f.Active && (f.Confidence == detect.Confirmed || faultOf(f.Kind) == Panic)
}

// place returns the key of the incident that a finding belongs to, and its fault
// and subject. A finding without a cause goes where another one about the same goes,
// and stays there when that one is gone: a budget is used up for longer than errors
// last.
func (s *sorting) place(f detect.Finding, own string, fault Fault) (string, Fault, observe.Subject) {
	if s.underWay[own] {
		return own, fault, f.Subject
	}
	if f.Cause.IsZero() {
		f.Cause = s.causes[own]
	}
	if i := s.trailing[f.Key()]; f.Cause.IsZero() && i != nil && i.Key != own {
		return i.Key, i.Fault, i.Subject
	}
	if f.Cause.IsZero() {
		return own, fault, f.Subject
	}
	root, ok := s.root(f, fault)
	if !ok {
		return own, fault, f.Subject
	}
	key := keyFor(fault, root)
	if key != own && (s.byKey[key] > 0 || s.underWay[key]) {
		return key, fault, root
	}
	for _, n := range s.byName[about(root).String()] { // in the order of the findings
		if g := s.findings[n]; faultOf(g.Kind) != fault && g.Cause.IsZero() && g.Confidence >= f.Confidence {
			return keyOf(g), faultOf(g.Kind), g.Subject
		}
	}
	if i := s.adopted[own]; i != nil && i.Key != own && i.Confidence >= f.Confidence {
		return i.Key, i.Fault, i.Subject
	}
	return key, fault, root
}

// settling is what followed from an incident that is over, until its detector can
// see that it is.
type settling struct {
	Key   string    `json:"key"`
	Until time.Time `json:"until"`
}

func settles(list []settling, key string) bool {
	return slices.ContainsFunc(list, func(s settling) bool { return s.Key == key })
}

// settle notes what followed from incidents that are over.
func (st *diagnoserState) settle(now time.Time, i *Incident) {
	for _, f := range i.Dependants {
		if key := keyOf(f); key != i.Key && len(st.Settling) < maxOpen && !settles(st.Settling, key) {
			st.Settling = append(st.Settling, settling{key, now.Add(f.TimeToVisible)})
		}
	}
}

// root follows causes to the last one that is known. It reports false for those
// that go in circles.
func (s *sorting) root(f detect.Finding, fault Fault) (observe.Subject, bool) {
	cause := f.Cause
	name := func(s observe.Subject) string { return about(s).String() }
	seen := []string{name(f.Subject)}
	for range maxCauses {
		key := keyFor(fault, cause)
		next, has := s.causes[key]
		if !has || name(next) == name(cause) || s.underWay[key] {
			return cause, true
		}
		if slices.Contains(seen, name(cause)) {
			return cause, false
		}
		seen = append(seen, name(cause))
		cause = next
	}
	return cause, false
}
