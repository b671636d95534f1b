package haleprom

import (
	"strconv"
	"strings"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
)

// loopMetrics is what the loop found and did, and what it takes.
type loopMetrics struct {
	open, opened, remedies *table
	highest                int        // number of an incident that was counted
	entry                  heal.Entry // of the journal, the last one that was counted

	up, halted, abandoned, overrun, slowdown *table
	turns, broken, took                      *table
	snapshots, snapshotCPU, unseen, unread   *table
}

func newLoopMetrics(m *metrics) loopMetrics {
	var l loopMetrics
	l.open = m.gauge("incidents", "Open incidents.", "fault", "phase")
	l.opened = m.counter("incidents_opened_total", "Incidents that were opened, by the fault that they were of at the first scrape after.", "fault")
	l.remedies = m.counter("remedies_total", "Remedies, by what was done with them and what came of it.", "remedy", "op", "result")
	l.opened.tally, l.remedies.tally = true, true
	for _, f := range []diagnose.Fault{diagnose.Leak, diagnose.StuckTask, diagnose.Panic, diagnose.PanicLoop, diagnose.RestartStorm, diagnose.HangLoop, diagnose.ErrorBurst, diagnose.SlowRequests, diagnose.ResourceExhaustion, diagnose.DependencyDown, diagnose.FullDomain, diagnose.LostGoroutines, diagnose.Unhealthy, diagnose.Anomaly} {
		l.opened.add(0, string(f)) // so that the first is seen as a rise
	}

	l.up = m.gauge("observer_up", "Whether the loop runs and takes its turns in time: 1 or 0.")
	l.halted = m.gauge("halted", "Whether the kill switch is on: 1 or 0.")
	l.abandoned = m.gauge("abandoned_goroutines", "Bodies that were given up and have not come back.")
	l.overrun = m.gauge("overrun_goroutines", "Goroutines of detectors, remedies and the service's callbacks that hang.")
	l.slowdown = m.gauge("slowdown_ratio", "How much slower than real time work could run, because processors were short; 1 is an idle machine.")
	l.turns = m.counter("loop_turns_total", "Turns of the loop that were completed.")
	l.broken = m.counter("loop_broken_turns_total", "Turns of the loop that broke.")
	l.took = m.counter("loop_seconds_total", "Time that the turns of the loop took.")
	l.snapshots = m.counter("snapshots_total", "Snapshots of all goroutines.")
	l.snapshotCPU = m.counter("snapshot_cpu_seconds_total", "Processor time that snapshots took.")
	l.unseen = m.counter("unseen_total", "Log records, outcomes and errors that were counted without a name of their own, because there were too many.")
	l.unread = m.counter("unread_total", "Readings of the service's metrics that were not had, because its callback panicked, ended its goroutine or overran.")
	return l
}

func (l *loopMetrics) read(st hale.Status) {
	l.readIncidents(st.Incidents)
	l.readJournal(st.Journal)
	l.up.add(flag(st.Observer == "up"))
	l.halted.add(flag(st.Halted))
	l.abandoned.add(float64(st.Abandoned))
	l.overrun.add(float64(st.Overrun))
	if st.Sample.Slowdown > 0 {
		l.slowdown.add(st.Sample.Slowdown)
	}
	l.turns.add(float64(st.Loop.Turns))
	l.broken.add(float64(st.Loop.Broken))
	l.took.add(st.Loop.Time.Seconds())
	l.snapshots.add(float64(st.Loop.Snapshots))
	l.snapshotCPU.add(st.Loop.SnapshotCPU.Seconds())
	l.unseen.add(float64(st.Loop.Unseen))
	l.unread.add(float64(st.Loop.Unread))
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// readIncidents counts those with numbers above the highest that was counted. Of more
// than 256 closed ones between two scrapes hale keeps the last: the others are known by
// their numbers only.
func (l *loopMetrics) readIncidents(all []diagnose.Incident) {
	highest, fresh := l.highest, 0
	for i := range all {
		inc := &all[i]
		if !inc.Phase.Closed() {
			l.open.add(1, string(inc.Fault), string(inc.Phase))
		}
		n, err := strconv.Atoi(strings.TrimPrefix(inc.ID, "inc-"))
		if err != nil || n <= l.highest {
			continue
		}
		l.opened.add(1, string(inc.Fault))
		highest, fresh = max(highest, n), fresh+1
	}
	if lost := highest - l.highest - fresh; lost > 0 {
		l.opened.add(float64(lost), other)
	}
	l.highest = highest
}

// readJournal counts the entries after the last one that was counted, of those that
// the journal keeps, which is 1024.
func (l *loopMetrics) readJournal(all []heal.Entry) {
	from := len(all)
	for from > 0 && !same(&all[from-1], &l.entry) {
		from--
	}
	for i := range all[from:] {
		if e := &all[from+i]; e.Result != "" {
			l.remedies.add(1, e.Command.Remedy, string(e.Command.Op), e.Result)
		}
	}
	if len(all) > 0 {
		l.entry = all[len(all)-1]
	}
}

func same(a, b *heal.Entry) bool {
	return a.Command.ID == b.Command.ID && a.Result == b.Result && a.Time.Equal(b.Time)
}
