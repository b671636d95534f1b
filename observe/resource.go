package observe

import "time"

// Resources is what the process uses of what it may use. Sizes are in bytes.
//
// What the system did not tell is nil, and Missing says why. Where a limit is 0
// there is none, unless Missing has it: "quota", "memory limit", "thread limit",
// "file limit", or "control groups" for the first three. Counters are cumulative and never fall:
// where the system's own fall, because the process moved to another control
// group or a network interface went away, nothing is counted for that moment.
// Where they began says nothing; only differences do.
//
// A value that was handed out does not change any more. It takes about 1 kB as
// JSON, and 90 bytes in a recording (BenchmarkWriter).
type Resources struct {
	// Processors is how many processors the process may keep busy: Quota, or
	// GOMAXPROCS where that is less or there is no quota. 0 is not known.
	Processors float64 `json:"processors,omitempty"`
	// Quota is how many processors' time the control groups allow it, at the
	// tightest; 0 is no quota.
	Quota float64 `json:"quota,omitempty"`

	Process    *ProcessUse   `json:"process,omitempty"`
	Throttling *Throttling   `json:"throttling,omitempty"` // nil where there is no quota, too
	Memory     *MemoryUse    `json:"memory,omitempty"`
	Files      *FileUse      `json:"files,omitempty"`
	Threads    *ThreadUse    `json:"threads,omitempty"` // nil where they are not limited, too
	Network    *NetworkUse   `json:"network,omitempty"`
	Pressure   *PressureUse  `json:"pressure,omitempty"`
	Collector  *CollectorUse `json:"collector,omitempty"` // nil before the first collection, too
	Wait       *WaitUse      `json:"wait,omitempty"`      // nil where no goroutine had to be scheduled, too

	// Missing lists what could not be read, in a fixed order.
	Missing []Missing `json:"missing,omitempty"`
}

// Missing says which facts the system did not tell, and why.
type Missing struct {
	What string `json:"what"` // for example "memory limit"
	Why  string `json:"why"`  // one line for people, at most 160 bytes; never parsed
}

// ProcessUse is what the system counts for the process alone.
type ProcessUse struct {
	CPU      time.Duration `json:"cpu"`      // processor time, user and system, cumulative, in steps of 10 ms
	Resident uint64        `json:"resident"` // memory of the process that is in RAM (RSS), bytes
	Threads  uint64        `json:"threads"`  // those of C libraries among them
}

// Throttling is how often the control group with the tightest quota had to stop
// its threads, cumulative.
type Throttling struct {
	Periods   uint64        `json:"periods"`   // in which any thread ran; a period is 100 ms unless set otherwise
	Throttled uint64        `json:"throttled"` // of those, in which the quota was used up
	Time      time.Duration `json:"time"`      // for how long, summed over processors
}

// MemoryUse is the memory of a control group: of those around the process the one
// with the smallest limit, or the process's own where none is limited. All
// processes in the group share it.
type MemoryUse struct {
	Used  uint64 `json:"used"`            // page cache included, bytes
	Cache uint64 `json:"cache"`           // of that, page cache that was not used lately, which the kernel takes back first, bytes; 0 where Missing has "cache"
	Limit uint64 `json:"limit,omitempty"` // at which the kernel kills, bytes; 0 is none
}

// WorkingSet returns Used without Cache, in bytes: what the kernel cannot easily
// take back, and what Kubernetes evicts by.
func (m MemoryUse) WorkingSet() uint64 { return m.Used - min(m.Cache, m.Used) }

// FileUse is the file descriptors of the process, sockets among them.
type FileUse struct {
	Open  uint64 `json:"open"`
	Limit uint64 `json:"limit,omitempty"` // the soft RLIMIT_NOFILE; 0 is none

	// Age is how long before the sample they were counted. Before Linux 6.2 the
	// count costs time for each of them, and is then made as seldom as keeps it
	// below 0.1 % of a processor.
	Age time.Duration `json:"age,omitempty"`
}

// ThreadUse is the threads of the control group with the smallest limit on them.
// At the limit the process cannot start a thread, and a Go program dies.
type ThreadUse struct {
	Used  uint64 `json:"used"` // of all processes of the group
	Limit uint64 `json:"limit"`
}

// NetworkUse is what went over the network interfaces that the process sees, the
// loopback left out, cumulative. In a container those are its own; on a host they
// are everybody's, and what a bridge passes on counts at each interface.
type NetworkUse struct {
	ReceivedBytes   uint64 `json:"rx_bytes"`
	ReceivedPackets uint64 `json:"rx_packets"`
	ReceiveErrors   uint64 `json:"rx_errors,omitempty"`
	ReceiveDrops    uint64 `json:"rx_drops,omitempty"`
	SentBytes       uint64 `json:"tx_bytes"`
	SentPackets     uint64 `json:"tx_packets"`
	SendErrors      uint64 `json:"tx_errors,omitempty"`
	SendDrops       uint64 `json:"tx_drops,omitempty"`

	// Age is how long before the sample they were read. With very many interfaces
	// that is done as seldom as keeps it below 0.1 % of a processor.
	Age time.Duration `json:"age,omitempty"`
}

// PressureUse is Linux's pressure stall information: the share of the last 10 s in
// which work stood still because a resource was short.
type PressureUse struct {
	Machine bool   `json:"machine,omitempty"` // the figures are the whole machine's, not those of the process's control group
	CPU     *Stall `json:"cpu,omitempty"`
	Memory  *Stall `json:"memory,omitempty"`
	IO      *Stall `json:"io,omitempty"`
}

// Stall is two shares of time, in percent.
type Stall struct {
	Some float64 `json:"some"` // at least one thread waited
	Full float64 `json:"full"` // all that had work to do waited; 0 for the processor of a machine, where that cannot be
}

// CollectorUse is what Go's garbage collector takes. Go brings the times up to
// date at the end of each collection only.
type CollectorUse struct {
	Time   time.Duration `json:"time"`   // processor time for collecting, idle processors' included, cumulative
	Total  time.Duration `json:"total"`  // processor time that the Go runtime had, used or not, cumulative
	Cycles uint64        `json:"cycles"` // completed collections
	Live   uint64        `json:"live"`   // heap that the last collection found in use, bytes
}

// WaitUse is how long goroutines that could run waited for a processor since the
// sample before. The times are upper ends of the runtime's histogram buckets,
// which are up to a fourth apart.
type WaitUse struct {
	Count uint64        `json:"count"` // of a sample of what was scheduled
	P50   time.Duration `json:"p50"`
	P99   time.Duration `json:"p99"`
}
