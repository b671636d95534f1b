package resource

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"path"
	"time"

	"github.com/prometheus/procfs"

	"github.com/hale-go/hale/observe"
)

// limits is what bounds the process, and where it is counted. It is looked for
// anew every 10 s.
type limits struct {
	quota      float64 // processors; 0 is none
	throttling string  // file of the group that sets it

	memory        uint64 // bytes; 0 is none
	memoryDir     string // of the group that sets it, or else the process's own; "" is not known
	memoryFiles   memoryFiles
	memoryMissing error // why memoryDir is not known

	threads     uint64 // 0 is none
	threadsUsed string // file of the group that sets it

	pressure pressureFiles

	missing []observe.Missing
}

// relook is how often limits are looked for.
const relook = 10 * time.Second

// look finds the limits.
func (r *Reader) look() (l limits) {
	miss := func(what string, err error) {
		if err != nil {
			l.missing = append(l.missing, observe.Missing{What: what, Why: r.why(err)})
		}
	}
	groups, mounts, err := r.groups()
	if err != nil {
		miss("control groups", err)
		l.memoryMissing = err
		l.pressure = r.lookForPressure(nil)
		return l
	}
	t, err := find("cpu", groups, mounts)
	if err == nil {
		err = r.lookForQuota(&l, t)
	}
	miss("quota", err)
	if t, l.memoryMissing = find("memory", groups, mounts); l.memoryMissing == nil {
		miss("memory limit", r.lookForMemory(&l, t))
	}
	if t, err = find("pids", groups, mounts); err == nil {
		err = r.lookForThreads(&l, t)
	}
	miss("thread limit", err)
	t, _ = find("", groups, mounts) // without one there is the machine's
	l.pressure = r.lookForPressure(t.dirs)
	return l
}

func (r *Reader) groups() ([]procfs.Cgroup, []hierarchy, error) {
	groups, err := r.proc.Cgroups()
	if err != nil {
		return nil, nil, err
	}
	mounts, err := r.proc.MountInfo()
	return groups, hierarchies(mounts), err
}

// lookForQuota takes the smallest quota of the groups. A group without the file
// sets none.
func (r *Reader) lookForQuota(l *limits, t tree) (failed error) {
	for _, dir := range t.dirs {
		var quota float64
		var err error
		if t.unified {
			quota, err = r.quota2(path.Join(dir, "cpu.max"))
		} else {
			quota, err = r.quota1(path.Join(dir, "cpu.cfs_quota_us"), path.Join(dir, "cpu.cfs_period_us"))
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			failed = err
		case quota > 0 && (l.quota == 0 || quota < l.quota):
			l.quota, l.throttling = quota, path.Join(dir, "cpu.stat")
		}
	}
	return failed
}

func (r *Reader) quota2(name string) (float64, error) {
	b, err := r.read(name)
	if err != nil {
		return 0, err
	}
	quota, period, _ := bytes.Cut(bytes.TrimSpace(b), []byte(" "))
	q, ok := ratio(quota, period)
	if !ok {
		return 0, garbage(name)
	}
	return q, nil
}

func (r *Reader) quota1(quotaFile, periodFile string) (float64, error) {
	quota, err := r.read(quotaFile)
	if err != nil {
		return 0, err
	}
	quota = bytes.Clone(bytes.TrimSpace(quota)) // the next read takes its place
	period, err := r.read(periodFile)
	if err != nil {
		return 0, err
	}
	q, ok := ratio(quota, bytes.TrimSpace(period))
	if !ok {
		return 0, garbage(quotaFile)
	}
	return q, nil
}

// ratio returns how many processors a quota is, in thousandths; 0 is none.
func ratio(quota, period []byte) (float64, bool) {
	p, ok := parseCount(period)
	if !ok || p == 0 {
		return 0, false
	}
	if string(quota) == "max" || string(quota) == "-1" {
		return 0, true
	}
	q, ok := parseCount(quota)
	if !ok || q == 0 {
		return 0, false
	}
	return math.Max(math.Round(1000*float64(q)/float64(p))/1000, .001), true
}

// lookForMemory takes the smallest limit of the groups, or none and the innermost
// group that counts its memory.
func (r *Reader) lookForMemory(l *limits, t tree) (failed error) {
	l.memoryFiles = memory1
	if t.unified {
		l.memoryFiles = memory2
	}
	for _, dir := range t.dirs {
		limit, err := r.readNumber(path.Join(dir, l.memoryFiles.limit))
		switch {
		case errors.Is(err, fs.ErrNotExist): // the root group has none
		case err != nil:
			failed = err
		case limit > 0 && (l.memory == 0 || limit < l.memory):
			l.memory, l.memoryDir = limit, dir
			continue
		}
		if l.memoryDir == "" {
			if _, err := r.readNumber(path.Join(dir, l.memoryFiles.used)); err == nil {
				l.memoryDir = dir
			} else if l.memoryMissing == nil {
				l.memoryMissing = err
			}
		}
	}
	return failed
}

// lookForThreads takes the smallest limit of the groups.
func (r *Reader) lookForThreads(l *limits, t tree) (failed error) {
	for _, dir := range t.dirs {
		limit, err := r.readNumber(path.Join(dir, "pids.max"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			failed = err
		case limit > 0 && (l.threads == 0 || limit < l.threads):
			l.threads, l.threadsUsed = limit, path.Join(dir, "pids.current")
		}
	}
	return failed
}
