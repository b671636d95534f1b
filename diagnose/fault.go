package diagnose

import (
	"github.com/hale-go/hale/detect"
)

// Fault is what is wrong, in one word.
type Fault string

// The faults that the built-in detectors lead to. A finding of any other kind
// leads to a fault of the same name.
const (
	Leak      Fault = "goroutine_leak"
	StuckTask Fault = "stuck_task"
	// Panic is one panic, or few among many tasks. It was contained, and nothing is
	// done about it. The incident becomes one of PanicLoop if they turn out to be that.
	Panic     Fault = "panic"
	PanicLoop Fault = "panic_loop"
	// RestartStorm is a supervised task that is started again too often, without a panic: it
	// returns at once, or hangs.
	RestartStorm Fault = "restart_storm"
	// HangLoop is a task of which run after run hangs: to start it again, as its contract says,
	// does not cure it.
	HangLoop Fault = "hang_loop"

	// ErrorBurst is errors that are more than usual, or more than an objective allows.
	ErrorBurst Fault = "error_burst"
	// SlowRequests is requests that take longer than usual, or do not end.
	SlowRequests Fault = "slow_requests"
	// ResourceExhaustion is memory, processors, files or threads at their limit, or
	// soon to be.
	ResourceExhaustion Fault = "resource_exhaustion"
	// DependencyDown is that what a name calls keeps failing, so that its breaker is open.
	DependencyDown Fault = "dependency_down"
	// FullDomain is a fault domain that turns calls away, because as many run as may.
	FullDomain Fault = "full_domain"
	// LostGoroutines is more goroutines than may be that nobody can end but with the process.
	LostGoroutines Fault = "lost_goroutines"
	// Unhealthy is that a part of the service says that it is not well: a checkpoint that cannot be
	// saved, a database that is served by its standby.
	Unhealthy Fault = "unhealthy"
	// Anomaly is what is unlike what is usual, and may be a sign of a fault or of none.
	Anomaly Fault = "anomaly"
)

// faultOf says which fault a kind of finding is a sign of.
func faultOf(k detect.Kind) Fault {
	switch k {
	case detect.KindAbandoned: // bodies are abandoned because they are stuck
		return StuckTask
	case detect.KindErrorRate, detect.KindBusinessErrors, detect.KindBurnRate, detect.KindLogPattern, detect.KindLoggedPanics:
		return ErrorBurst
	case detect.KindSlow, detect.KindCreep, detect.KindStalled, detect.KindUnfinished:
		return SlowRequests
	case detect.KindOpenBreaker:
		return DependencyDown
	case detect.KindSaturation, detect.KindExhaustion:
		return ResourceExhaustion
	case detect.KindAnomaly, detect.KindNewLogForm, detect.KindVanishedLogForm, detect.KindLogVolume, detect.KindOutlived:
		return Anomaly
	}
	return Fault(k)
}
