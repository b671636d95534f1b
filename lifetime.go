package hale

import "time"

// lived notes that tasks of the family ended which had run for that long at most.
func (s *family) lived(life time.Duration) { raise(&s.longest, max(int64(life), 1)) }

// ages returns the longest life of the tasks that ended since it was last
// called, and for how long at least the oldest task that is alive has run. It
// costs nothing that is not known from the cells anyway.
func (s *family) ages(now time.Time) (longest, oldest time.Duration) {
	longest = time.Duration(s.longest.Swap(0))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sealed {
		if c.live() > 0 {
			oldest = max(oldest, now.Sub(c.sealed))
		}
	}
	return longest, oldest
}
