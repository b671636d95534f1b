package goroutine

import "github.com/hale-go/hale/observe"

// waitMark is what a function at the leaf of a stack says about the wait.
type waitMark struct {
	kind observe.WaitKind
	// weak marks say that the goroutine waits, and leave the reason to the
	// frames above them.
	weak bool
}

// waitMarks maps functions of Go 1.20 to 1.26 to what they wait for. Where a
// kind can be told by an internal name and by an exported one, both are here,
// so that a renamed internal does not blind the package.
var waitMarks = map[string]waitMark{
	"runtime.chanrecv":  {kind: observe.WaitReceive},
	"runtime.chansend":  {kind: observe.WaitSend},
	"runtime.selectgo":  {kind: observe.WaitSelect},
	"runtime.block":     {kind: observe.WaitForever},
	"time.Sleep":        {kind: observe.WaitSleep},
	"runtime.timeSleep": {kind: observe.WaitSleep},

	"runtime.netpollblock":           {kind: observe.WaitNetwork},
	"internal/poll.runtime_pollWait": {kind: observe.WaitNetwork},

	"internal/sync.runtime_SemacquireMutex": {kind: observe.WaitMutex},
	"internal/sync.(*Mutex).lockSlow":       {kind: observe.WaitMutex},
	"sync.runtime_SemacquireMutex":          {kind: observe.WaitMutex},
	"sync.runtime_SemacquireRWMutex":        {kind: observe.WaitMutex},
	"sync.runtime_SemacquireRWMutexR":       {kind: observe.WaitMutex},
	"sync.(*Mutex).lockSlow":                {kind: observe.WaitMutex},
	"sync.(*RWMutex).Lock":                  {kind: observe.WaitMutex},
	"sync.(*RWMutex).RLock":                 {kind: observe.WaitMutex},

	"sync.runtime_notifyListWait":      {kind: observe.WaitCond},
	"sync.(*Cond).Wait":                {kind: observe.WaitCond},
	"sync.runtime_SemacquireWaitGroup": {kind: observe.WaitGroup},
	"sync.(*WaitGroup).Wait":           {kind: observe.WaitGroup},

	// The allocator parks goroutines to make them help the collector. They do
	// not wait for anything of the program's.
	"runtime.mallocgc":      {kind: observe.WaitRunning},
	"runtime.gcAssistAlloc": {kind: observe.WaitRunning},
	"runtime.Gosched":       {kind: observe.WaitRunning},

	"runtime.gopark":      {kind: observe.WaitSemaphore, weak: true},
	"runtime.semacquire1": {kind: observe.WaitSemaphore, weak: true},
	// A coroutine waits for its other half: whoever calls next waits for the
	// iterator to yield, an iterator that nobody stopped waits for next.
	"runtime.coroswitch": {kind: observe.WaitSemaphore},

	// Without a park: these hold a thread.
	"runtime.cgocall":                         {kind: observe.WaitSyscall},
	"runtime.notetsleepg":                     {kind: observe.WaitSyscall},
	"runtime.entersyscall":                    {kind: observe.WaitSyscall},
	"syscall.Syscall":                         {kind: observe.WaitSyscall},
	"syscall.Syscall6":                        {kind: observe.WaitSyscall},
	"syscall.RawSyscall":                      {kind: observe.WaitSyscall},
	"syscall.RawSyscall6":                     {kind: observe.WaitSyscall},
	"internal/runtime/syscall.Syscall6":       {kind: observe.WaitSyscall},
	"internal/runtime/syscall/linux.Syscall6": {kind: observe.WaitSyscall},
	"syscall.syscall":                         {kind: observe.WaitSyscall},
	"syscall.syscall6":                        {kind: observe.WaitSyscall},
	"syscall.syscalln":                        {kind: observe.WaitSyscall},
	"syscall.SyscallN":                        {kind: observe.WaitSyscall},
}

// waitOf reads the kind of wait from the frames, innermost first. Only frames
// of the runtime and of the packages that wait on behalf of others count: the
// first frame beyond them is where the program is.
func waitOf(stack []frame) observe.WaitKind {
	found := observe.WaitRunning
	for i := range stack {
		f := stack[i].fn
		if m := f.wait; m.kind != "" {
			if !m.weak {
				return m.kind
			}
			if found == observe.WaitRunning {
				found = m.kind
			}
		}
		if f.class&(inRuntime|inWaiting|inIO) == 0 {
			break
		}
	}
	return found
}
