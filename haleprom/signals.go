package haleprom

import (
	"strings"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// signalMetrics is what the loop saw in logs, what its detectors told, and what is
// degraded or not well.
type signalMetrics struct{ records, findings, degraded, unhealthy *table }

func newSignalMetrics(m *metrics) signalMetrics {
	return signalMetrics{
		records:   m.counter("log_records_total", "Log records, by level and by the domain of the task or operation that wrote them.", "level", "domain"),
		findings:  m.counter("findings_total", "Findings that detectors told, by kind and confidence; one that was suspected and then confirmed counts in both.", "kind", "confidence"),
		degraded:  m.gauge("degraded_level", "Level of a switch that is degraded, from 1 to 9, as of the last turn; without a series it is not degraded.", "name"),
		unhealthy: m.gauge("unhealthy_parts", "Parts of the service of a kind that say they are not well, as of the last turn; without a series all are well.", "name"),
	}
}

// kinds are those of the built-in detectors. They are there from the first scrape on,
// so that the first finding is seen as a rise.
var kinds = [...]detect.Kind{
	detect.KindLeak, detect.KindStuck, detect.KindPanic, detect.KindPanicLoop, detect.KindRestartStorm, detect.KindHangLoop, detect.KindAbandoned, detect.KindOverdue,
	detect.KindLogPattern, detect.KindLoggedPanics, detect.KindLogVolume, detect.KindNewLogForm, detect.KindVanishedLogForm,
	detect.KindAnomaly, detect.KindSaturation, detect.KindExhaustion, detect.KindErrorRate, detect.KindBusinessErrors, detect.KindBurnRate,
	detect.KindSlow, detect.KindCreep, detect.KindStalled, detect.KindUnfinished, detect.KindOutlived, detect.KindOpenBreaker, detect.KindFullDomain,
	detect.KindLost, detect.KindUnhealthy,
}

func (s *signalMetrics) read(rt *hale.Runtime, sample observe.Sample) {
	for _, d := range sample.Degraded {
		s.degraded.add(float64(d.Level), d.Name)
	}
	for _, p := range sample.Unhealthy {
		kind, _, _ := strings.Cut(p.Name, ":")
		s.unhealthy.add(1, kind)
	}
	outside := false
	for _, t := range rt.LogTotals() {
		outside = outside || t.Domain == ""
		for i, n := range t.Levels {
			s.records.add(float64(n), hale.LogTotalLevels[i], string(t.Domain))
		}
	}
	if !outside {
		for _, level := range hale.LogTotalLevels {
			s.records.add(0, level, "")
		}
	}
	for _, kind := range kinds {
		s.findings.add(0, string(kind), detect.Suspected.String())
		s.findings.add(0, string(kind), detect.Confirmed.String())
	}
	for _, t := range rt.FindingTotals() {
		s.findings.add(float64(t.Count), string(t.Kind), t.Confidence.String())
	}
}
