package hale

import "sync/atomic"

// ages counts what is in flight by the second in which it began, for a minute back,
// so that it is known how long the oldest has run without a list of all. Each slot
// holds its second and its count in one word: what began before is moved to old in
// the same step, and no count is ever lost.
type ages struct {
	slots [ageSlots]atomic.Uint64 // second+1 in the upper half, count in the lower
	old   atomic.Int64
}

// ageSlots is how many seconds are told apart.
const ageSlots = 64

// waits is how many powers of two of a second [observe.OperationStat] tells.
const waits = 7

func ageWord(second uint32) uint64 { return uint64(second+1) << 32 }

// began counts n that began in a second. Each call is followed by one of ended.
func (a *ages) began(second, n uint32) {
	slot := &a.slots[second%ageSlots]
	for {
		old := slot.Load()
		if old>>32 == uint64(second+1) {
			if slot.CompareAndSwap(old, old+uint64(n)) {
				return
			}
			continue
		}
		if old>>32 > uint64(second+1) && uint32(old) > 0 { // it began over a minute before those in the slot
			a.old.Add(int64(n))
			return
		}
		if slot.CompareAndSwap(old, ageWord(second)|uint64(n)) {
			a.old.Add(int64(uint32(old)))
			return
		}
	}
}

func (a *ages) ended(second, n uint32) {
	slot := &a.slots[second%ageSlots]
	for {
		old := slot.Load()
		if old>>32 != uint64(second+1) || uint32(old) < n { // they were moved
			a.old.Add(-int64(n))
			return
		}
		if slot.CompareAndSwap(old, old-uint64(n)) {
			return
		}
	}
}

// waiting returns how many began at least 1, 2, 4 … 64 seconds ago, without the
// zeros at the end. inFlight bounds what is counted while others begin and end.
func (a *ages) waiting(now uint32, inFlight int64) []uint32 {
	if inFlight <= 0 {
		return nil
	}
	var out [waits]uint32
	longest := 0
	count := func(age, n uint32) {
		for i := 0; i < waits && age >= 1<<i; i++ {
			out[i] = min(out[i]+n, uint32(min(inFlight, 1<<30)))
			longest = max(longest, i+1)
		}
	}
	for i := range a.slots {
		word := a.slots[i].Load()
		n, second := uint32(word), uint32(word>>32)-1
		if word>>32 == 0 || n == 0 || second > now {
			continue
		}
		count(now-second, n)
	}
	if n := a.old.Load(); n > 0 {
		count(ageSlots, uint32(min(n, 1<<30)))
	}
	if longest == 0 {
		return nil
	}
	return out[:longest:longest]
}
