package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// shopStatus is what the admin listener tells: what hale knows, and how far the
// shop's work has come.
type shopStatus struct {
	hale.Status
	PID    int             `json:"pid"`
	Tasks  []hale.TaskInfo `json:"tasks"`
	Shop   work            `json:"shop"`
	Faults map[string]bool `json:"faults"`

	Domains  []observe.DomainStat   `json:"domains"`
	Walls    []observe.WallStat     `json:"walls"`
	Degraded []hale.DegradationStat `json:"degraded"`
}

// work counts what the shop has done.
type work struct {
	Placed   int64 `json:"placed"`   // orders that were accepted
	Consumed int64 `json:"consumed"` // orders whose event was consumed
	Mailed   int64 `json:"mailed"`   // orders whose invoice was mailed
	Counts   int64 `json:"counts"`   // turns of the stock job
	Late     int64 `json:"late"`     // orders that were accepted without a payment
	Settled  int64 `json:"settled"`  // of these: that were charged since
}

func (s *service) status() shopStatus {
	return shopStatus{
		Status: s.rt.Status(), PID: os.Getpid(), Tasks: s.rt.Tasks(), Faults: s.faults.state(),
		Shop: work{
			Placed: s.store.placed.Load(), Consumed: s.store.consumed.Load(),
			Mailed: s.store.mailed.Load(), Counts: s.counts.Load(),
			Settled: s.store.settled.Load(), Late: s.store.late.Load(), // in this order: no more are settled than are late
		},
		Domains: s.rt.Domains(), Walls: s.rt.Walls(), Degraded: s.rt.Degradations(),
	}
}

// admin returns the handler of the admin listener at addr. It can break the
// shop, so it answers nobody who came here through another site's page.
func (s *service) admin(addr string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.statusPage)
	mux.HandleFunc("GET /status.json", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.status()) })
	mux.HandleFunc("GET /events.json", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseUint(r.FormValue("since"), 10, 64)
		if err != nil && r.FormValue("since") != "" {
			http.Error(w, "since is not a number", http.StatusBadRequest)
			return
		}
		pid, err := strconv.Atoi(r.FormValue("pid"))
		if err != nil { // whoever does not say means this process
			pid = os.Getpid()
		}
		answer(w, s.events.since(n, pid))
	})
	mux.Handle("GET /metrics", s.metrics)
	mux.HandleFunc("GET /hale.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(settingsFile) // the reader is gone: nobody is left to tell
	})
	mux.HandleFunc("POST /fault/{name}/{state}", s.hurt)
	safe := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != addr { // a foreign name that resolves to this address
			http.Error(w, "ask for "+addr, http.StatusMisdirectedRequest)
			return
		}
		safe.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the reader is gone: nobody is left to tell
}

func (s *service) hurt(w http.ResponseWriter, r *http.Request) {
	name, state := r.PathValue("name"), r.PathValue("state")
	if state != "on" && state != "off" {
		http.Error(w, "say on or off", http.StatusBadRequest)
		return
	}
	if err := s.faults.turn(name, state == "on"); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	s.log.Info("fault switched", "fault", name, "state", state)
	if r.FormValue("back") != "" { // from a button of the page
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

//go:embed status.html
var statusHTML string

var statusTemplate = template.Must(template.New("status").Funcs(template.FuncMap{
	"clock":  func(t time.Time) string { return t.Local().Format("15:04:05.0") },
	"took":   func(i diagnose.Incident) string { return took(i, time.Now()) },
	"age":    func(t time.Time) string { return time.Since(t).Round(100 * time.Millisecond).String() },
	"turned": func(d observe.DomainStat) uint64 { return d.Full + d.RateLimited + d.Shed },
	"mib":    func(n uint64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) },
}).Parse(statusHTML))

func took(i diagnose.Incident, now time.Time) string {
	if !i.Closed.IsZero() {
		now = i.Closed
	}
	return now.Sub(i.Opened).Round(100 * time.Millisecond).String()
}

// statusView is what the page shows, newest first.
type statusView struct {
	shopStatus
	Journal []heal.Entry
	Recent  []observe.Event
	Busy    []observe.WallStat // of which there is something to tell
}

func (s *service) statusPage(w http.ResponseWriter, _ *http.Request) {
	v := statusView{shopStatus: s.status(), Recent: s.events.last(15)}
	slices.Reverse(v.Incidents)
	for _, w := range v.Walls {
		if w != (observe.WallStat{Name: w.Name, Domain: w.Domain}) {
			v.Busy = append(v.Busy, w)
		}
	}
	for _, e := range slices.Backward(v.Status.Journal) {
		if e.Result != "" && len(v.Journal) < 12 { // the line before it was only the intent
			v.Journal = append(v.Journal, e)
		}
	}
	var page bytes.Buffer
	if err := statusTemplate.Execute(&page, v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w) // the reader is gone: nobody is left to tell
}
