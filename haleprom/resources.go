package haleprom

import (
	"slices"

	"github.com/hale-go/hale/observe"
)

// resourceMetrics is what the process uses of what it may use.
type resourceMetrics struct {
	goroutines, runnable, goMemory, goLimit *table

	processors, quota, cpu, resident, threads            *table
	periods, throttledPeriods, throttledSeconds          *table
	memory, cache, workingSet, memoryLimit               *table
	files, filesLimit, groupThreads, groupThreadsLimit   *table
	netBytes, netPackets, netErrors, netDrops            *table
	pressure                                             *table
	gcSeconds, goSeconds, gcCycles, gcHeap, scheduleWait *table
}

func newResourceMetrics(m *metrics) resourceMetrics {
	var r resourceMetrics
	r.goroutines = m.gauge("goroutines", "Live goroutines.")
	r.runnable = m.gauge("goroutines_runnable", "Goroutines that wait for a processor.")
	r.goMemory = m.gauge("go_memory_bytes", "Memory that the Go runtime has mapped.")
	r.goLimit = m.gauge("go_memory_limit_bytes", "GOMEMLIMIT, where there is one.")

	r.processors = m.gauge("processors", "Processors that the process may keep busy.")
	r.quota = m.gauge("processors_quota", "Processors' time that the control groups allow, where they limit it.")
	r.cpu = m.counter("cpu_seconds_total", "Processor time of the process, user and system. Only differences mean something.")
	r.resident = m.gauge("resident_memory_bytes", "Memory of the process that is in RAM.")
	r.threads = m.gauge("threads", "Threads of the process.")
	r.periods = m.counter("cpu_periods_total", "Periods of the tightest quota in which a thread ran.")
	r.throttledPeriods = m.counter("cpu_throttled_periods_total", "Of those, periods in which the quota was used up.")
	r.throttledSeconds = m.counter("cpu_throttled_seconds_total", "For how long threads were stopped for the quota, summed over processors.")
	r.memory = m.gauge("memory_used_bytes", "Memory of the control group with the smallest limit, page cache included.")
	r.cache = m.gauge("memory_cache_bytes", "Of that, page cache that was not used lately.")
	r.workingSet = m.gauge("memory_working_set_bytes", "Memory of that group that the kernel cannot easily take back.")
	r.memoryLimit = m.gauge("memory_limit_bytes", "Limit of that group, where there is one.")
	r.files = m.gauge("open_files", "File descriptors of the process, sockets among them.")
	r.filesLimit = m.gauge("open_files_limit", "Limit of those, where there is one.")
	r.groupThreads = m.gauge("group_threads", "Threads of the control group with the smallest limit on them.")
	r.groupThreadsLimit = m.gauge("group_threads_limit", "Limit of those.")
	r.netBytes = m.counter("network_bytes_total", "What went over the network interfaces that the process sees, the loopback left out.", "direction")
	r.netPackets = m.counter("network_packets_total", "Packets that went over those interfaces.", "direction")
	r.netErrors = m.counter("network_errors_total", "Packets with errors.", "direction")
	r.netDrops = m.counter("network_drops_total", "Packets that were dropped.", "direction")
	r.pressure = m.gauge("pressure_ratio", "Share of the last 10 s in which work stood still because the resource was short, for some threads or in full.", "resource", "stalled", "scope")
	r.gcSeconds = m.counter("gc_cpu_seconds_total", "Processor time that the garbage collector took.")
	r.goSeconds = m.counter("go_cpu_seconds_total", "Processor time that the Go runtime had, used or not.")
	r.gcCycles = m.counter("gc_cycles_total", "Garbage collections that were completed.")
	r.gcHeap = m.gauge("gc_live_heap_bytes", "Heap that the last collection found in use.")
	r.scheduleWait = m.gauge("scheduler_wait_seconds", "How long goroutines that could run waited for a processor in the last second.", "percentile")
	return r
}

func (r *resourceMetrics) read(s observe.Sample) {
	if s.Time.IsZero() { // there was no turn
		return
	}
	r.goroutines.add(float64(s.Goroutines))
	r.runnable.add(float64(s.Runnable))
	r.goMemory.add(float64(s.MemoryBytes))
	limit(r.goLimit, s.MemoryLimit)
	u := s.Resources
	if u == nil {
		return
	}
	if u.Processors > 0 {
		r.processors.add(u.Processors)
	}
	if u.Quota > 0 {
		r.quota.add(u.Quota)
	}
	r.readGroup(u)
	if p := u.Process; p != nil {
		r.cpu.add(p.CPU.Seconds())
		r.resident.add(float64(p.Resident))
		r.threads.add(float64(p.Threads))
	}
	if f := u.Files; f != nil {
		r.files.add(float64(f.Open))
		limit(r.filesLimit, f.Limit)
	}
	if n := u.Network; n != nil {
		for i, direction := range []string{"receive", "transmit"} {
			pick := func(t *table, received, sent uint64) { t.add(float64([]uint64{received, sent}[i]), direction) }
			pick(r.netBytes, n.ReceivedBytes, n.SentBytes)
			pick(r.netPackets, n.ReceivedPackets, n.SentPackets)
			pick(r.netErrors, n.ReceiveErrors, n.SendErrors)
			pick(r.netDrops, n.ReceiveDrops, n.SendDrops)
		}
	}
	if g := u.Collector; g != nil {
		r.gcSeconds.add(g.Time.Seconds())
		r.goSeconds.add(g.Total.Seconds())
		r.gcCycles.add(float64(g.Cycles))
		r.gcHeap.add(float64(g.Live))
	}
	if w := u.Wait; w != nil {
		r.scheduleWait.add(w.P50.Seconds(), "50")
		r.scheduleWait.add(w.P99.Seconds(), "99")
	}
}

// readGroup reads what control groups say.
func (r *resourceMetrics) readGroup(u *observe.Resources) {
	if t := u.Throttling; t != nil {
		r.periods.add(float64(t.Periods))
		r.throttledPeriods.add(float64(t.Throttled))
		r.throttledSeconds.add(t.Time.Seconds())
	}
	if m := u.Memory; m != nil {
		r.memory.add(float64(m.Used))
		limit(r.memoryLimit, m.Limit)
		if !slices.ContainsFunc(u.Missing, func(m observe.Missing) bool { return m.What == "cache" }) {
			r.cache.add(float64(m.Cache))
			r.workingSet.add(float64(m.WorkingSet()))
		}
	}
	if t := u.Threads; t != nil {
		r.groupThreads.add(float64(t.Used))
		r.groupThreadsLimit.add(float64(t.Limit))
	}
	if p := u.Pressure; p != nil {
		scope := "group"
		if p.Machine {
			scope = "machine"
		}
		r.stall("cpu", scope, p.CPU)
		r.stall("memory", scope, p.Memory)
		r.stall("io", scope, p.IO)
	}
}

func (r *resourceMetrics) stall(resource, scope string, s *observe.Stall) {
	if s != nil {
		r.pressure.add(s.Some/100, resource, "some", scope)
		r.pressure.add(s.Full/100, resource, "full", scope)
	}
}

// limit tells a limit, if there is one.
func limit(t *table, n uint64) {
	if n > 0 {
		t.add(float64(n))
	}
}
