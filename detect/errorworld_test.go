package detect_test

import (
	"math"
	"math/rand/v2"
	"sort"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// errorWorld makes samples of operations that fail now and then.
type errorWorld struct {
	random *rand.Rand
	now    time.Time
	ops    []*simOperation // sorted by name
}

// simOperation is one of them. What happens in a second is drawn from its rates.
type simOperation struct {
	name      string
	kind      observe.OperationKind
	rate      float64            // spans a second
	fails     map[string]float64 // share of each type of error
	reports   map[string]float64 // business errors for each span
	calls     string             // every span calls it; failures of this one are inherited
	inherited float64            // share of spans that fail for it
}

func newErrorWorld(seed uint64) *errorWorld {
	return &errorWorld{random: rand.New(rand.NewPCG(seed, 11)), now: t0}
}

func (w *errorWorld) add(o simOperation) *simOperation {
	if o.kind == "" {
		o.kind = observe.Server
	}
	if o.fails == nil {
		o.fails = map[string]float64{}
	}
	w.ops = append(w.ops, &o)
	sort.Slice(w.ops, func(i, j int) bool { return w.ops[i].name < w.ops[j].name })
	return &o
}

// poisson draws a number of the mean.
func (w *errorWorld) poisson(mean float64) uint64 {
	if mean > 50 {
		return uint64(max(0, mean+math.Sqrt(mean)*w.random.NormFloat64()+0.5))
	}
	l, k, p := math.Exp(-mean), uint64(0), w.random.Float64()
	for p > l {
		k++
		p *= w.random.Float64()
	}
	return k
}

func (w *errorWorld) turn(load float64) observe.Turn {
	w.now = w.now.Add(time.Second)
	t := observe.Turn{Time: w.now}
	for _, o := range w.ops {
		n := w.poisson(o.rate * load)
		if n == 0 {
			continue
		}
		st := observe.OperationStat{Name: o.name, Kind: o.kind, Domain: observe.DomainOf(o.name), Started: n, Ended: n}
		left := n
		inherited := min(w.poisson(float64(n)*o.inherited), left)
		left -= inherited
		st.Inherited, st.Failed = inherited, inherited
		if inherited > 0 {
			st.Outcomes = append(st.Outcomes, observe.Outcome{Name: "bad gateway", Count: inherited, Failed: true})
		}
		if o.calls != "" {
			st.Calls = []observe.Call{{Name: o.calls, Count: n, Failed: inherited}}
		}
		for _, name := range sortedKeys(o.fails) {
			if k := min(w.poisson(float64(n)*o.fails[name]), left); k > 0 {
				left -= k
				st.Failed += k
				st.Outcomes = append(st.Outcomes, observe.Outcome{Name: name, Count: k, Failed: true})
			}
		}
		if left > 0 {
			st.Outcomes = append(st.Outcomes, observe.Outcome{Name: "ok", Count: left})
		}
		for _, name := range sortedKeys(o.reports) {
			if k := w.poisson(float64(n) * o.reports[name]); k > 0 {
				st.Reported = append(st.Reported, observe.Outcome{Name: name, Count: k, Failed: true})
			}
		}
		t.Sample.Operations = append(t.Sample.Operations, st)
	}
	t.Sample.Time = w.now
	return t
}

func sortedKeys(m map[string]float64) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// run takes n turns and returns the findings of the last.
func (w *errorWorld) run(d detect.Detector, n int, each func(second int, fs []detect.Finding)) (last []detect.Finding) {
	for i := range n {
		last = withUnits(d.Detect(w.turn(1)))
		if each != nil {
			each(i+1, last)
		}
	}
	return last
}

func ofKind(fs []detect.Finding, kind detect.Kind, name string) *detect.Finding {
	for i := range fs {
		if fs[i].Kind == kind && (fs[i].Subject.Name == name || fs[i].Subject.String() == name) {
			return &fs[i]
		}
	}
	return nil
}
