package detect_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// machine is a process in a container with limits.
type machine struct {
	at   time.Time
	rnd  *rand.Rand
	seq  uint64
	load float64 // requests a second
	cpu  time.Duration
	gc   time.Duration

	leak          float64 // files that stay open, so far
	leaks         float64 // a second
	heap, retains float64 // MiB that are kept, and by how much that grows a second
	saw           float64 // MiB of garbage
	busy          float64 // processors
	noLimits      bool
}

func newMachine(seed uint64) *machine {
	return &machine{at: t0, rnd: rand.New(rand.NewPCG(seed, 3)), load: 50, heap: 200, busy: .5}
}

func (m *machine) turn() observe.Turn {
	m.at = m.at.Add(time.Second)
	m.seq++
	m.leak += m.leaks
	m.heap += m.retains
	m.saw += 5 * m.rnd.Float64()
	if m.saw > m.heap {
		m.saw = 0
	}
	m.cpu += time.Duration(m.busy * (0.9 + 0.1*m.rnd.Float64()) * float64(time.Second))
	m.gc += time.Duration(m.busy * .05 * float64(time.Second))
	served := uint64(max(0, m.load+math.Sqrt(m.load)*m.rnd.NormFloat64()))
	inFlight := int64(m.load * .2)
	r := &observe.Resources{
		Processors: 2, Process: &observe.ProcessUse{CPU: m.cpu},
		Files:     &observe.FileUse{Open: uint64(20 + m.leak + float64(inFlight) + 3*m.rnd.Float64()), Limit: 1024},
		Memory:    &observe.MemoryUse{Used: uint64((m.heap + m.saw + 50) * (1 << 20)), Limit: 2 << 30},
		Collector: &observe.CollectorUse{Live: uint64(m.heap * (1 << 20)), Time: m.gc},
	}
	if m.noLimits {
		r.Files.Limit, r.Memory.Limit = 0, 0
	}
	return observe.Turn{Seq: m.seq, Time: m.at, Sample: observe.Sample{
		Time: m.at, Slowdown: 1, Resources: r, MemoryBytes: uint64((m.heap + m.saw) * (1 << 20)),
		Operations: []observe.OperationStat{{Name: "GET /", Kind: observe.Server, Started: served, Ended: served, InFlight: inFlight}},
	}}
}

func resourceDetectors() *detect.Panel {
	return detect.NewPanel(0, detect.Named{Name: "saturation", Detector: detect.NewSaturation()}, detect.Named{Name: "exhaustion", Detector: detect.NewExhaustion()})
}

func (m *machine) until(p *detect.Panel, d time.Duration, ok func([]detect.Finding) bool) ([]detect.Finding, time.Duration) {
	for began := m.at; m.at.Sub(began) < d; {
		t := m.turn()
		if found, _ := p.Detect(&t); ok(withUnits(found)) {
			return found, m.at.Sub(began)
		}
	}
	return nil, d
}

func TestResourcesOfAHealthyServiceAreQuiet(t *testing.T) {
	confirmed := func(fs []detect.Finding) bool {
		return slices.ContainsFunc(fs, func(f detect.Finding) bool { return f.Confidence == detect.Confirmed })
	}
	for seed := range uint64(usualSeeds) / 2 {
		m, p := newMachine(seed), resourceDetectors()
		m.noLimits = seed%4 == 3
		found, after := m.until(p, 2*time.Hour, func(fs []detect.Finding) bool {
			switch at := m.at.Sub(t0); {
			case at > 20*time.Minute && at < 40*time.Minute:
				m.load += .5 // a ramp, to 650 a second, with connections of their own
			case at%(15*time.Minute) < 40*time.Second:
				m.load = 400 // a burst
			case at%(15*time.Minute) < 41*time.Second:
				m.load = 50
			case at == 70*time.Minute:
				m.heap += 300 // a cache that is filled at once
			case at > 80*time.Minute:
				m.busy = 2 // all that there is
			}
			return confirmed(fs)
		})
		if found != nil {
			t.Errorf("seed %d after %v: %+v", seed, after, found)
		}
	}
}

func TestResourcesThatRunOut(t *testing.T) {
	for name, c := range map[string]struct {
		hurt    func(*machine)
		kind    detect.Kind
		subject string
		within  time.Duration
	}{
		"files, fast":  {func(m *machine) { m.leaks = 15 }, detect.KindExhaustion, "process.files", 25 * time.Second},
		"files, slow":  {func(m *machine) { m.leaks = .8 }, detect.KindExhaustion, "process.files", 12 * time.Minute},
		"files, gone":  {func(m *machine) { m.leak = 950 }, detect.KindSaturation, "process.files", 12 * time.Second},
		"memory, slow": {func(m *machine) { m.retains = 1 }, detect.KindExhaustion, "process.memory", 15 * time.Minute},
		"memory, gone": {func(m *machine) { m.heap = 1960 }, detect.KindSaturation, "process.memory", 60 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			m, p := newMachine(1), resourceDetectors()
			if found, after := m.until(p, 20*time.Minute, func(fs []detect.Finding) bool { return len(fs) > 0 }); found != nil {
				t.Fatalf("before it, after %v: %+v", after, found)
			}
			c.hurt(m)
			found, after := m.until(p, 30*time.Minute, has(c.kind, c.subject, detect.Confirmed))
			if found == nil || after > c.within {
				t.Fatalf("after %v: %+v", after, found)
			}
			t.Logf("after %v: %s", after, found[0].Evidence[0].Text)
			m.leak, m.leaks, m.retains, m.heap, m.saw = 0, 0, 0, 200, 0
			if found, _ := m.until(p, 20*time.Minute, func(fs []detect.Finding) bool { return len(fs) == 0 }); found == nil && m.at.Sub(t0) > 69*time.Minute {
				t.Error("it never cleared")
			}
		})
	}
}

func TestBusyProcessorsAreSuspected(t *testing.T) {
	m, p := newMachine(1), resourceDetectors()
	m.busy = 2.2
	found, after := m.until(p, time.Minute, has(detect.KindSaturation, "process.cpu", detect.Suspected))
	if found == nil || found[0].Confidence != detect.Suspected {
		t.Fatalf("after %v: %+v", after, found)
	}
	m.cpu, m.gc = 0, 0 // counters that begin anew
	if turn := m.turn(); turn.Sample.Resources.Process.CPU < time.Hour {
		p.Detect(&turn)
	}
	m.busy = .2
	if found, _ := m.until(p, time.Minute, func(fs []detect.Finding) bool { return len(fs) == 0 }); found == nil && m.seq > 150 {
		t.Error("it never cleared")
	}
	none := observe.Turn{Time: m.at.Add(time.Second)} // a system that tells nothing
	if found, _ := p.Detect(&none); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}
