package observe

import "time"

// Sample is what hale reads about the process every second. All but Resources
// are counters that cost the same at any number of goroutines, about 2 µs, and
// about 1 µs for each name.
type Sample struct {
	Time time.Time `json:"time"`

	Goroutines uint64 `json:"goroutines"` // live goroutines
	Runnable   uint64 `json:"runnable"`   // goroutines that wait for a processor
	Waiting    uint64 `json:"waiting"`    // goroutines that wait for anything else
	Threads    uint64 `json:"threads"`    // threads of the operating system
	Procs      uint64 `json:"procs"`      // GOMAXPROCS

	MemoryBytes uint64 `json:"memory_bytes"`           // mapped by the Go runtime
	MemoryLimit uint64 `json:"memory_limit,omitempty"` // GOMEMLIMIT in bytes; 0 is none

	// Slowdown is how much slower than real time units could run in the last
	// interval, because too many goroutines shared too few processors. 1 is an
	// idle machine. Time limits are stretched by it, so that starvation is
	// never taken for a fault.
	Slowdown float64 `json:"slowdown"`

	// Resources is what the process uses of what the system lets it use. Reading
	// it takes about a quarter of a millisecond on Linux. It is nil in recordings of versions that
	// did not have it, and shared between copies of the sample: do not change it.
	Resources *Resources `json:"resources,omitempty"`

	Tasks      []TaskStat      `json:"tasks,omitempty"`      // sorted by Name
	Pools      []PoolStat      `json:"pools,omitempty"`      // sorted by Name
	Operations []OperationStat `json:"operations,omitempty"` // sorted by Name and Kind; those that did something or have spans in flight
	Domains    []DomainStat    `json:"domains,omitempty"`    // sorted by Name; those of which there is something to tell
	Walls      []WallStat      `json:"walls,omitempty"`      // sorted by Name; those of which there is something to tell
	Logs       []LogStat       `json:"logs,omitempty"`       // sorted by Form, Level and Name; at most 256, those with most records
	Readings   []Reading       `json:"readings,omitempty"`   // of metrics that the service gave, sorted by Name
	Degraded   []DegradedStat  `json:"degraded,omitempty"`   // switches that are degraded, sorted by Name; at most 1024
	Unhealthy  []UnhealthyStat `json:"unhealthy,omitempty"`  // parts of the service that say they are not well, sorted by Name; at most 128

	// Unseen counts what the tables had no room for since the last sample: records
	// of logs and outcomes of spans that were counted without a name of their own.
	Unseen uint64 `json:"unseen,omitempty"`
}

// TaskStat counts the tasks of one name since the runtime was made.
type TaskStat struct {
	Name    string `json:"name"`
	Domain  Domain `json:"domain"`
	Live    int64  `json:"live"` // abandoned ones among them
	Started uint64 `json:"started"`
	Failed  uint64 `json:"failed"` // ended with an error, panics included
	Panics  uint64 `json:"panics"`
	Refused uint64 `json:"refused,omitempty"` // not started, because the name was in quarantine

	// Peak is the highest number of tasks of this name that were alive at once,
	// or a little more. A pool that grows on demand never outgrows it; a leak does.
	Peak int64 `json:"peak"`

	// HeldCells counts old cells that long tasks keep open. What such tasks
	// started cannot be told from live work, so "no leak" is only as good as
	// this number is low.
	HeldCells int `json:"held_cells,omitempty"`

	// Longest is the longest life of the tasks that ended since the last sample,
	// and Oldest for how long the oldest that is alive has run, as far as cells
	// tell: to about an epoch, and 0 where none ended or none is older than one.
	Longest time.Duration `json:"longest,omitempty"`
	Oldest  time.Duration `json:"oldest,omitempty"`

	// Abandoned counts bodies of this name that hale no longer waits for and
	// that have not come back.
	Abandoned   int64 `json:"abandoned,omitempty"`
	Quarantined bool  `json:"quarantined,omitempty"`

	// CatchAll says that the name stands for many things, such as all requests of
	// which nobody knows the route. It is never quarantined.
	CatchAll bool `json:"catch_all,omitempty"`
}

// PoolStat is the state of one pool.
type PoolStat struct {
	Name      string `json:"name"`
	Domain    Domain `json:"domain"`
	Size      int    `json:"size"`    // workers there may be
	Workers   int    `json:"workers"` // live and not abandoned
	Busy      int    `json:"busy"`
	Queued    int    `json:"queued"`
	Finished  uint64 `json:"finished"` // units that were not abandoned
	Abandoned int    `json:"abandoned"`
	Cap       int    `json:"cap"` // abandoned bodies at which the pool counts as exhausted
}

// DegradedStat is a switch that is degraded: what it names does less than usual.
type DegradedStat struct {
	Name  string `json:"name"`
	Level int    `json:"level"` // from 1, the mildest, to 9
}

// UnhealthyStat is a part of the service that says of itself that it is not well.
type UnhealthyStat struct {
	Name  string    `json:"name"`
	Error string    `json:"error"` // what it said last, in a line
	Since time.Time `json:"since"`
	Times uint64    `json:"times"` // that it said so since then
}

// Snapshot is one look at all goroutines, folded into groups. It holds no
// goroutine IDs: Go does not give them out without stopping the world.
type Snapshot struct {
	Time       time.Time     `json:"time"` // when the capture began
	Cost       time.Duration `json:"cost"` // how long capture and analysis took
	CPU        time.Duration `json:"cpu"`  // processor time they took (Cost where the system does not tell), and what their garbage takes the collector, as estimated
	Goroutines int           `json:"goroutines"`
	Groups     []Group       `json:"groups,omitempty"` // see [Group]; sorted, at most the configured number

	// Folded counts goroutines of groups that were left out because there were
	// too many groups.
	Folded int `json:"folded,omitempty"`

	// Skipped says why there was no capture, e.g. because it would have needed
	// more memory than the process has left. Groups is then empty.
	Skipped string `json:"skipped,omitempty"`
}

// Group is a set of goroutines that look alike: started under the same task
// name, with the same entry function, blocked at the same place for the same
// reason.
type Group struct {
	Name   string `json:"name,omitempty"` // task name on the label; "" for goroutines that hale did not start
	Domain Domain `json:"domain,omitempty"`
	Task   TaskID `json:"task,omitzero"` // set where the task has a label of its own

	Entry   Site     `json:"entry"`   // first function on the stack that is not a library's spawn wrapper
	Blocked Site     `json:"blocked"` // innermost function outside the runtime and sync
	Wait    WaitKind `json:"wait"`

	// Ended is how long before the capture began the task that started these
	// goroutines had ended. Negative: it is still running, or there is none.
	Ended time.Duration `json:"ended"`

	Count int `json:"count"`
}

// WaitKind says what a goroutine waits for, as far as its runtime frames tell.
type WaitKind string

// The kinds of wait.
const (
	WaitRunning   WaitKind = "running" // running, runnable or in a system call without a park
	WaitReceive   WaitKind = "chan receive"
	WaitSend      WaitKind = "chan send"
	WaitSelect    WaitKind = "select"
	WaitForever   WaitKind = "select (no cases)"
	WaitNetwork   WaitKind = "IO wait"
	WaitSleep     WaitKind = "sleep"
	WaitMutex     WaitKind = "mutex"
	WaitCond      WaitKind = "cond"
	WaitGroup     WaitKind = "wait group"
	WaitSemaphore WaitKind = "semaphore"
	WaitSyscall   WaitKind = "syscall"
)

// Event is a fact that cannot wait for the next sample. Which fields are set
// depends on its kind.
type Event struct {
	Time    time.Time `json:"time"`
	Kind    EventKind `json:"kind"`
	Subject Subject   `json:"subject,omitzero"`
	Request string    `json:"request,omitempty"` // request ID, where the task carried one
	Detail  string    `json:"detail,omitempty"`  // one line for people; never parsed

	// Fingerprint of a panic: equal for panics with the same origin.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Replacing says of a missed heartbeat, a budget or an abandoned body that
	// the developer declared that a fresh body takes the place.
	Replacing bool `json:"replacing,omitempty"`
	// Row, of a missed heartbeat or a budget, is how many runs of that child in a row have
	// hung by now, each within a quarter of an hour of its start. 0 of what is no child.
	Row int `json:"row,omitempty"`
	// Breaker is the state that a breaker has entered: closed, half_open or open.
	Breaker string `json:"breaker,omitempty"`
	// Restarts of a child that was restarted, so far.
	Restarts int `json:"restarts,omitempty"`

	// On finding events: the finding's key and detector, and how sure the
	// detector is, "suspected" or "confirmed", or that the finding has cleared.
	Finding    string `json:"finding,omitempty"`
	Confidence string `json:"confidence,omitempty"`
	Cleared    bool   `json:"cleared,omitempty"`

	Incident string `json:"incident,omitempty"` // ID, on incident and remedy events
	Phase    string `json:"phase,omitempty"`    // of the incident, on incident events

	// On remedy events: the command's ID, what it did with which remedy (apply,
	// probe or undo), and what came of it. On handover events Result alone: "applied" or
	// "failed"; "" while it waits.
	Command string `json:"command,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
	Op      string `json:"op,omitempty"`
	Result  string `json:"result,omitempty"`
}

// State returns in a word how things stand, for people: the incident's phase,
// the remedy's result, the finding's confidence or "cleared". Other kinds of
// event have none.
func (e Event) State() string {
	if e.Cleared {
		return "cleared"
	}
	return e.Phase + e.Result + e.Confidence // an event has one of them
}

// EventKind says what happened. The kinds that start with "incident" and
// "remedy" are what the loop decided; the others are inputs to it.
type EventKind string

// The kinds of event.
const (
	EventPanic           EventKind = "panic"            // a task or unit panicked; contained
	EventBudget          EventKind = "budget"           // a task or unit outran its budget and was cancelled
	EventOverdue         EventKind = "overdue"          // it ignored that cancellation past its grace
	EventHeartbeatMissed EventKind = "heartbeat.missed" // a task that declared a heartbeat did not beat
	EventAbandoned       EventKind = "abandoned"        // hale stopped waiting for a body and gave its slot away
	EventReturned        EventKind = "returned"         // an abandoned body came back after all
	EventEnded           EventKind = "ended"            // a task that was cancelled for its budget or heartbeat ended within its grace
	EventRestarted       EventKind = "restarted"        // a supervised child was started again
	EventFailed          EventKind = "failed"           // a supervised child that is to be started again returned an error
	EventRestartStorm    EventKind = "restart.storm"    // a child used up its restart intensity, or fails again after it did
	EventRestartHeld     EventKind = "restart.held"     // children that are started together wait for this one: it is in quarantine, or too many abandoned runs of it are alive
	EventRestartResumed  EventKind = "restart.resumed"  // they no longer do
	EventReplaced        EventKind = "replaced"         // a pool's worker whose units kept failing made place for one with fresh state
	EventStateFailed     EventKind = "state.failed"     // the state of a pool's worker could not be opened or closed
	EventBreaker         EventKind = "breaker"          // the breaker of a name opened, lets probes through or closed
	EventDegraded        EventKind = "degraded"         // the level of a switch rose
	EventRestored        EventKind = "restored"         // the level of a switch fell, be it not to 0
	EventHandover        EventKind = "handover"         // a handover that an incident asked for waits, or a successor was asked for, or it was in vain
	EventMisuse          EventKind = "misuse"           // hale was called with something it had to mend or refuse

	EventDetectorDisabled EventKind = "detector.disabled" // a detector overran its turn, or panicked three times in a row, and is off; the subject's name is its own
	EventDetectorGarbage  EventKind = "detector.garbage"  // findings of a detector that make no sense, or are too many, were dropped
	EventObserverDown     EventKind = "observer.down"     // hale's own loop broke and restarts
	EventBaselines        EventKind = "baselines"         // what had been learned could not be read or kept

	EventReconfigured EventKind = "reconfigured" // the settings were changed; the detail names the revisions

	EventRecordingFailed EventKind = "recording.failed" // the recording cannot be written to disk and goes on in memory

	EventFinding  EventKind = "finding"  // a detector's finding appeared, changed its confidence or cleared
	EventIncident EventKind = "incident" // an incident changed its phase
	EventRemedy   EventKind = "remedy"   // a remedy was decided on, and how it ended
)
