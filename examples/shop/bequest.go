package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hale-go/hale/observe"
)

// What outlives a process: the requests, and what its tasks have saved.

// succession judges how one process gave way to the next.
func (v *verdict) succession(r record, n int) {
	s := r.Successions[n]
	for _, p := range s.passes() {
		if !s.reached(p) {
			v.problem("%s: it never was at %q", s.Fault, p)
		}
	}
	for _, p := range s.Problems {
		v.problem("%s: %s", s.Fault, p)
	}
	out := row{
		Fault: s.Fault, Outcome: s.Outcome, Wrong: s.Outcome == "",
		Detect: s.after(s.found()), Isolate: s.after(stepSuccessor), Recover: s.after(stepRecovered),
	}
	refused := 0
	for _, f := range r.Load.Failures {
		if s.during(f) {
			out.During++
			if strings.Contains(f.Why, "refused") {
				refused++
			}
		}
	}
	if refused > 0 {
		v.problem("%s: %d connections were refused: nobody held the socket", s.Fault, refused)
	}
	v.Rows = append(v.Rows, out)
	slowest := short(r.Load.slowest(s.Steps[stepBegun], s.Steps[stepRecovered]))
	if s.Handover {
		v.note("%s: %d goroutines were lost, %d are in the successor; %d requests failed, the slowest took %s.",
			s.Fault, s.Lost, s.Left, out.During, slowest)
		switch {
		case s.Lost < suppliers/4: // what an earlier fault has leaked counts too, so that it is over before all are
			v.problem("%s: %d goroutines were lost, of %d that should be: it shows nothing", s.Fault, s.Lost, suppliers)
		case s.Left > 0:
			v.problem("%s: %d goroutines are lost in the successor too", s.Fault, s.Left)
		case out.During > 0:
			v.problem("%s: %d requests failed, and a handover costs none", s.Fault, out.During)
		}
		v.asked(r, s)
		return
	}
	// Go's client has sent some again by itself: those of a GET that had no answer yet.
	v.note("%s: %d requests that were under way failed, %d were refused; the slowest took %s.", s.Fault, out.During, refused, slowest)
	v.obituary(r, s)
}

// obituary judges what "hale run" said of a crash: its cause, and where that is.
func (v *verdict) obituary(r record, s succession) {
	i := slices.IndexFunc(r.Obituaries, func(o obituary) bool { return o.PID == s.From })
	switch {
	case i < 0:
		v.problem("%s: nobody said what process %d died of", s.Fault, s.From)
	case !strings.HasPrefix(r.Obituaries[i].Message, "fatal error: concurrent map"),
		!strings.Contains(r.Obituaries[i].Site, "visits.go:"), r.Obituaries[i].Fingerprint == "":
		v.problem("%s: it died of a map that several write to, in visits.go, and not of this: %s", s.Fault, r.Obituaries[i])
	}
}

// asked judges what "hale run" said of a handover that the service asked for.
func (v *verdict) asked(r record, s succession) {
	i := slices.IndexFunc(r.Obituaries, func(o obituary) bool { return o.PID == s.From })
	if i < 0 || r.Obituaries[i].Fault != faultHandover || r.Obituaries[i].Handovers != 1 || !strings.HasPrefix(r.Obituaries[i].Action, "a successor took over") {
		v.problem("%s: hale run does not tell of the one handover that process %d asked for: %v", s.Fault, s.From, r.Obituaries)
	}
}

// heirs judges what was said and done in the last act about anything that was not hurt.
func (v *verdict) heirs(r record) {
	if n := len(r.Obituaries); n != len(r.Successions) {
		v.problem("hale run tells of %d incidents, there were %d: %v", n, len(r.Successions), r.Obituaries)
	}
	v.strange(r.LastEvents, func(e observe.Event) bool {
		return slices.ContainsFunc(r.Successions, func(s succession) bool { return s.explains(e) })
	})
}

// export judges whether the export went on where it was, in each process: no page was left
// out, and none done again but the one that was under way when its process ended.
func (v *verdict) export(r record) {
	by, again := map[int]bool{}, 0 // processes, and pages that were written twice
	for i, p := range r.Pages {
		was := page{}
		if i > 0 {
			was = r.Pages[i-1]
		}
		by[p.PID] = true
		switch {
		case p.Number == was.Number+1 && p.First == was.Last+1:
		case p.PID != was.PID && p.Number == was.Number && p.First == was.First && p.Last == was.Last:
			again++
		default:
			v.problem("orders.export: after page %d, of orders %d to %d by process %d, came page %d, of %d to %d by %d",
				was.Number, was.First, was.Last, was.PID, p.Number, p.First, p.Last, p.PID)
			return
		}
	}
	if want := len(r.Successions) + 1; len(by) != want {
		v.problem("orders.export: it was done by %d processes, there were %d", len(by), want)
		return
	}
	text := "none was lost and none done twice"
	if again > 0 {
		text = fmt.Sprintf("none was lost, and %d that was under way at the end of its process was done again", again)
	}
	v.note("orders.export: %d pages of orders, in one go over %d processes: %s.", len(r.Pages)-again, len(by), text)
}
