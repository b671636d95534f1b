package hale

import (
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/aside"
	"github.com/hale-go/hale/internal/resource"
	"github.com/hale-go/hale/observe"
)

// resourceLimit is how long a turn waits for what the system tells. Files of
// /proc and of control groups come from the kernel, or from a program that plays
// it, and either may hang. A reading takes well below a millisecond, but where the
// quota stops the process it takes as long as that does, and must then not be lost.
const resourceLimit = time.Second

// resources reads what the process uses. It is used by one goroutine at a time.
type resources struct {
	reader *resource.Reader
	behind atomic.Int64 // readings that hang; the reader is theirs until they end
}

// read returns what the process uses, and where that cannot be found out in time,
// only why.
func (r *resources) read(now time.Time) *observe.Resources {
	missing := func(why string) *observe.Resources {
		return &observe.Resources{Missing: []observe.Missing{{What: "system", Why: why}}}
	}
	if r.behind.Load() > 0 {
		return missing("an earlier reading hangs")
	}
	out, err := aside.Call(resourceLimit, &r.behind, func() *observe.Resources { return r.reader.Read(now) })
	if err != nil {
		return missing("reading it: " + err.Error())
	}
	return out
}
