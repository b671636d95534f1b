package resource

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/procfs"

	"github.com/hale-go/hale/internal/cputime"
	"github.com/hale-go/hale/observe"
)

// Reader reads what the process uses. It keeps no file open and starts no
// goroutine. It is used by one goroutine at a time.
type Reader struct {
	root      string                 // before every path; "" but for tests
	fileLimit func() (uint64, error) // the soft limit on open files
	found     bool                   // proc is the process
	proc      procfs.Proc
	notFound  error
	buf       []byte // of the last file read

	limits     limits
	limitsPace pace

	cpu counter

	throttledBy                 string // file that the counters are of
	periods, throttled, stopped counter

	files     observe.FileUse
	filesErr  error
	filesPace pace

	network     observe.NetworkUse
	networkErr  error
	networkPace pace
	traffic     [8]counter
	interfaces  int

	metrics []metrics.Sample
	buckets []uint64 // scheduler latency counts at the last reading

	missing []observe.Missing // of this reading
	told    []observe.Missing // of the last, which has been given away
}

// New returns a reader for the process it runs in. Where root is not "", it is a
// folder that is taken for "/", for tests.
func New(root string) *Reader {
	return &Reader{root: root, fileLimit: fileLimit, metrics: goMetrics()}
}

// use is what one reading gives away, in one piece.
type use struct {
	now time.Time
	out observe.Resources

	process    observe.ProcessUse
	throttling observe.Throttling
	memory     observe.MemoryUse
	files      observe.FileUse
	threads    observe.ThreadUse
	network    observe.NetworkUse
	pressure   observe.PressureUse
	stalls     [3]observe.Stall
	collector  observe.CollectorUse
	wait       observe.WaitUse
}

// Read reads what the process uses now, which must not be before the last call's.
// On Linux that is about ten small files. Nothing that they may hold is an error:
// what makes no sense is missing from the result, with the reason.
func (r *Reader) Read(now time.Time) *observe.Resources {
	runtime.LockOSThread() // paces go by the thread's time
	defer runtime.UnlockOSThread()
	u := &use{now: now}
	r.missing = r.missing[:0]
	r.readSystem(u)
	procs, collector, wait := r.readGo(u)
	if !collector {
		r.miss("collector", errNoMetric)
	}
	if !wait {
		r.miss("wait", errNoMetric)
	}
	u.out.Processors = procs
	if u.out.Quota > 0 {
		u.out.Processors = min(procs, u.out.Quota)
	}
	if !slices.Equal(r.missing, r.told) {
		r.told = slices.Clone(r.missing)
	}
	u.out.Missing = r.told
	return &u.out
}

var errNoMetric = fmt.Errorf("%s does not tell", runtime.Version())

// readSystem reads all that is in files.
func (r *Reader) readSystem(u *use) {
	if runtime.GOOS != "linux" && r.root == "" {
		r.miss("system", fmt.Errorf("no /proc on %s", runtime.GOOS))
		return
	}
	if r.limitsPace.due(u.now) {
		r.limitsPace.spend(u.now, func() {
			if r.find(); !r.found {
				return
			}
			if err := contained(func() error { r.limits = r.look(); return nil }); err != nil {
				r.limits = limits{memoryMissing: err, pressure: r.lookForPressure(nil), missing: []observe.Missing{{What: "control groups", Why: r.why(err)}}}
			}
		})
		r.limitsPace.next = later(r.limitsPace.next, u.now.Add(relook))
	}
	if !r.found {
		r.miss("system", r.notFound)
		return
	}
	r.part("process", func() error { return r.readProcess(u) })
	r.part("files", func() error {
		limit, err := r.readFiles(u)
		r.miss("file limit", limit)
		return err
	})
	u.out.Quota = r.limits.quota
	r.missing = append(r.missing, r.limits.missing...)
	r.part("throttling", func() error { return r.readThrottling(u) })
	r.part("memory", func() error {
		cache, err := r.readMemory(u)
		r.miss("cache", cache)
		return err
	})
	r.part("threads", func() error { return r.readThreads(u) })
	r.part("network", func() error { return r.readNetwork(u) })
	r.part("pressure", func() error {
		cpu, memory, io := r.readPressure(u)
		if u.out.Pressure == nil {
			return cpu
		}
		r.miss("cpu pressure", cpu)
		r.miss("memory pressure", memory)
		r.miss("io pressure", io)
		return nil
	})
}

// find finds the process in /proc.
func (r *Reader) find() {
	if r.found {
		return
	}
	fs, err := procfs.NewFS(r.root + "/proc")
	if err == nil {
		r.proc, err = fs.Self()
	}
	r.found, r.notFound = err == nil, err
}

// part reads one group of facts.
func (r *Reader) part(what string, read func() error) { r.miss(what, contained(read)) }

// contained calls read. Text that procfs does not expect can make it panic; that
// must cost no more than one group of facts.
func contained(read func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %.100v", errGarbage, v)
		}
	}()
	return read()
}

// miss notes that facts are missing, unless err is nil.
func (r *Reader) miss(what string, err error) {
	if err != nil {
		r.missing = append(r.missing, observe.Missing{What: what, Why: r.why(err)})
	}
}

// maxWhy bounds a reason in bytes. Errors of procfs may quote whole files.
const maxWhy = 160

func (r *Reader) why(err error) string {
	why := err.Error()
	if len(why) > 8*maxWhy {
		why = why[:8*maxWhy]
	}
	if r.root != "" {
		why = strings.ReplaceAll(why, r.root, "")
	}
	why = strings.ToValidUTF8(why, "?")
	for len(why) > maxWhy {
		_, size := utf8.DecodeLastRuneInString(why)
		why = why[:len(why)-size]
	}
	return why
}

// threadTime returns the processor time of this thread, or -1.
func threadTime() time.Duration {
	if used, ok := cputime.Thread(); ok {
		return used
	}
	return -1
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
