package hale

import "github.com/hale-go/hale/detect"

// FindingTotal is how often a kind of finding was told since the runtime was made. One
// that was suspected and then confirmed counts in both.
type FindingTotal struct {
	Kind       detect.Kind       `json:"kind"` // "other" stands for those beyond 100
	Confidence detect.Confidence `json:"confidence"`
	Count      uint64            `json:"n"`
}

// FindingTotals returns how often findings were told since the runtime was made, sorted
// by kind and confidence, as of the last turn.
func (rt *Runtime) FindingTotals() []FindingTotal {
	if rt = rt.made(); rt == nil {
		return nil
	}
	all := rt.found.all()
	out := make([]FindingTotal, len(all))
	for i, t := range all {
		out[i] = FindingTotal{t.name, detect.Confidence(t.class), t.n}
	}
	return out
}
