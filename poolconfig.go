package hale

import (
	"cmp"
	"fmt"
	"time"
)

// PoolConfig says how a pool works. The zero value is useful.
type PoolConfig struct {
	// Workers is how many units run at once. They are started when first
	// needed. Default: GOMAXPROCS.
	Workers int `json:"workers" yaml:"workers"`
	// Queue is how many units may wait. Default: 64 for each worker.
	Queue int `json:"queue" yaml:"queue"`
	// MaxWait is how long a unit may wait for room in the queue before
	// [ErrFull], [NoWait] for not at all. Default: 0, as long as the submitter's
	// context allows.
	MaxWait time.Duration `json:"max_wait" yaml:"max_wait"`
	// Budget is the longest that a unit may run. Past it, its context is
	// cancelled with [ErrBudget]. Default: 0, no limit and no replacement.
	Budget time.Duration `json:"budget" yaml:"budget"`
	// Grace is how long a unit may take to return after that, before its worker
	// is abandoned and replaced. Default: half of Budget, at least 10ms.
	Grace time.Duration `json:"grace" yaml:"grace"`
	// MaxAbandoned is how many abandoned bodies may be alive before the pool
	// counts as exhausted, which is a finding. Replacement goes on up to four
	// times as many; then a stuck worker keeps its slot, so that a pool cannot
	// fill the memory with goroutines. Default: the number of workers.
	MaxAbandoned int `json:"max_abandoned" yaml:"max_abandoned"`
}

// NoWait as [PoolConfig].MaxWait: a unit that finds the queue full is refused with
// [ErrFull] at once.
const NoWait time.Duration = -1

// most workers or units in the queue; what a slip of the finger would ask for
// goes no further.
const most = 1 << 20

// hardCap is how many times MaxAbandoned a pool gives slots away.
const hardCap = 4

// or returns the settings with what they leave 0 from others.
func (c PoolConfig) or(d *PoolConfig) PoolConfig {
	if d == nil {
		return c
	}
	return PoolConfig{
		Workers: cmp.Or(c.Workers, d.Workers), Queue: cmp.Or(c.Queue, d.Queue), MaxWait: cmp.Or(c.MaxWait, d.MaxWait),
		Budget: cmp.Or(c.Budget, d.Budget), Grace: cmp.Or(c.Grace, d.Grace), MaxAbandoned: cmp.Or(c.MaxAbandoned, d.MaxAbandoned),
	}
}

func (c PoolConfig) withDefaults(procs int) (PoolConfig, error) {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"Workers", int64(c.Workers)},
		{"Queue", int64(c.Queue)},
		{"MaxAbandoned", int64(c.MaxAbandoned)},
		{"MaxWait", int64(c.MaxWait)},
		{"Budget", int64(c.Budget)},
		{"Grace", int64(c.Grace)},
	} {
		if f.value < 0 && (f.name != "MaxWait" || c.MaxWait != NoWait) {
			return c, &ConfigError{Field: "PoolConfig." + f.name, Value: f.value, Mend: "give a value above 0, or 0 for the default"}
		}
	}
	if c.Workers > most || c.Queue > most {
		return c, &ConfigError{Field: "PoolConfig.Workers or Queue", Value: max(c.Workers, c.Queue), Mend: fmt.Sprintf("give at most %d", most)}
	}
	if c.MaxAbandoned > most {
		return c, &ConfigError{Field: "PoolConfig.MaxAbandoned", Value: c.MaxAbandoned, Mend: fmt.Sprintf("give at most %d", most)}
	}
	if c.Workers == 0 {
		c.Workers = procs
	}
	if c.Queue == 0 {
		c.Queue = 64 * c.Workers
	}
	if c.Grace == 0 {
		c.Grace = max(c.Budget/2, 10*time.Millisecond)
	}
	return c, nil
}
