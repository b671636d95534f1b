package health

import (
	"encoding/json"
	"net/http"
)

// Answer is what the handlers answer, in JSON.
type Answer struct {
	OK       bool    `json:"ok"`
	Observer string  `json:"observer"` // of hale's loop: "up", "late", "down" or "off"; it decides nothing
	Checks   []Check `json:"checks"`
}

// Handler answers GET /livez, /readyz and /startupz with 200 or 503 and an [Answer]. Mount it
// on the admin listener, or on one of its own.
func (p *Probes) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, r *http.Request) { p.answer(w, p.live(r.Context())) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { p.answer(w, p.ready(r.Context())) })
	mux.HandleFunc("GET /startupz", func(w http.ResponseWriter, _ *http.Request) { p.answer(w, []Check{p.start()}) })
	return mux
}

func (p *Probes) answer(w http.ResponseWriter, checks []Check) {
	a := Answer{OK: failures(checks) == nil, Observer: p.rt.Observer(), Checks: checks}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !a.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(a) // who asked may have gone
}
