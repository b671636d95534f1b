package resource

import (
	"fmt"
	"path"
	"time"

	"github.com/hale-go/hale/observe"
)

// memoryFiles are the names of one version's files and of the figure in
// memory.stat that is cache.
type memoryFiles struct{ limit, used, cache string }

var (
	memory1 = memoryFiles{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	memory2 = memoryFiles{"memory.max", "memory.current", "inactive_file"}
)

// readProcess reads what the system counts for the process alone.
func (r *Reader) readProcess(u *use) error {
	s, err := r.proc.Stat()
	if err != nil {
		return fmt.Errorf("/proc/self/stat: %w", err)
	}
	if s.RSS < 0 || s.NumThreads < 1 || s.CPUTime() > 1e9 { // 30 years
		return garbage("/proc/self/stat")
	}
	u.process = observe.ProcessUse{
		CPU:      time.Duration(r.cpu.count(uint64(s.CPUTime()*1e3+.5), true)) * time.Millisecond,
		Resident: uint64(s.ResidentMemory()), Threads: uint64(s.NumThreads),
	}
	u.out.Process = &u.process
	return nil
}

// readThrottling reads how often the quota stopped the process.
func (r *Reader) readThrottling(u *use) error {
	if r.limits.quota == 0 {
		return nil
	}
	stat, err := r.read(r.limits.throttling)
	if err != nil {
		return err
	}
	periods, ok := keyed(stat, "nr_periods")
	throttled, also := keyed(stat, "nr_throttled")
	if !ok || !also {
		return garbage(r.limits.throttling)
	}
	n, unit := uint64(0), time.Microsecond
	if n, ok = keyed(stat, "throttled_usec"); !ok { // version 1
		if n, ok = keyed(stat, "throttled_time"); !ok {
			return garbage(r.limits.throttling)
		}
		unit = time.Nanosecond
	}
	same := r.limits.throttling == r.throttledBy
	r.throttledBy = r.limits.throttling
	u.throttling = observe.Throttling{
		Periods: r.periods.count(periods, same), Throttled: r.throttled.count(throttled, same),
		Time: time.Duration(r.stopped.count(uint64(duration(n, unit)), same)),
	}
	u.out.Throttling = &u.throttling
	return nil
}

// readMemory reads how much of its limit the group has used. Where it cannot tell
// how much is cache, it returns the error of that.
func (r *Reader) readMemory(u *use) (cache, failed error) {
	l := &r.limits
	if l.memoryDir == "" {
		return nil, l.memoryMissing
	}
	used, err := r.readNumber(path.Join(l.memoryDir, l.memoryFiles.used))
	if err != nil {
		return nil, err
	}
	u.memory = observe.MemoryUse{Used: used, Limit: l.memory}
	u.out.Memory = &u.memory
	name := path.Join(l.memoryDir, "memory.stat")
	stat, err := r.read(name)
	if err != nil {
		return err, nil
	}
	inactive, ok := keyed(stat, l.memoryFiles.cache)
	if !ok {
		return garbage(name), nil
	}
	u.memory.Cache = min(inactive, used)
	return nil, nil
}

// readThreads reads how many threads the group has that may not have more.
func (r *Reader) readThreads(u *use) error {
	if r.limits.threads == 0 {
		return nil
	}
	used, err := r.readNumber(r.limits.threadsUsed)
	if err != nil {
		return err
	}
	u.threads = observe.ThreadUse{Used: used, Limit: r.limits.threads}
	u.out.Threads = &u.threads
	return nil
}

// readFiles counts the file descriptors, or leaves it for a later time. Where the
// limit cannot be told, it returns the error of that.
func (r *Reader) readFiles(u *use) (limit, failed error) {
	if r.filesPace.due(u.now) {
		var n int
		var err error
		r.filesPace.spend(u.now, func() { n, err = r.proc.FileDescriptorsLen() })
		r.files.Open, r.filesErr = uint64(max(n, 0)), err
	}
	if r.filesErr != nil {
		return nil, r.filesErr
	}
	u.files = r.files
	u.files.Age = r.filesPace.age(u.now)
	u.files.Limit, limit = r.fileLimit()
	u.out.Files = &u.files
	return limit, nil
}

// pace spaces out what may be dear, so that it takes at most a thousandth of a
// processor.
type pace struct{ last, next time.Time }

func (p *pace) due(now time.Time) bool { return !now.Before(p.next) || now.Before(p.last) }

// age returns how long ago it was done.
func (p *pace) age(now time.Time) time.Duration { return max(now.Sub(p.last), 0) }

// spend does it. The goroutine must be locked to its thread.
func (p *pace) spend(now time.Time, do func()) {
	before, began := threadTime(), time.Now()
	do()
	cost := threadTime() - before
	if before < 0 || cost <= 0 { // the system does not tell, or its clock of a thread has not moved on
		cost = time.Since(began)
	}
	p.last, p.next = now, now.Add(1000*cost)
}
