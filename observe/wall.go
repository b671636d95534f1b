package observe

// DomainStat is what the calls of a fault domain shared since the last sample.
type DomainStat struct {
	Name    Domain `json:"name"`
	Limit   int    `json:"limit,omitempty"`   // calls that may run at once; 0: any number
	InUse   int    `json:"in_use,omitempty"`  // that do now
	Waiting int    `json:"waiting,omitempty"` // that wait now

	// Full, RateLimited and Shed count calls that were refused: for want of room, because
	// they came too fast, because others were more critical.
	Full        uint64 `json:"full,omitempty"`
	RateLimited uint64 `json:"rate_limited,omitempty"`
	Shed        uint64 `json:"shed,omitempty"`

	// Mixed says that calls which had to wait for room lately were not equally critical.
	Mixed bool `json:"mixed,omitempty"`

	// Lost counts bodies of calls that were given up and have not come back.
	Lost int64 `json:"lost,omitempty"`
}

// WallStat is what became of the calls of one name since the last sample. How many there
// were and how long they took is in the [OperationStat] of that name.
type WallStat struct {
	Name   string `json:"name"`
	Domain Domain `json:"domain"`

	// Breaker is its state now: "open", "half_open", or "closed"; "" for none, and in a
	// [Sample] for a closed one too.
	Breaker string `json:"breaker,omitempty"`
	Opened  uint64 `json:"opened,omitempty"` // times that the breaker opened

	// Open and Quarantined count calls that were refused: by the breaker, by quarantine.
	Open        uint64 `json:"open,omitempty"`
	Quarantined uint64 `json:"quarantined,omitempty"`

	Retried  uint64 `json:"retried,omitempty"`   // tries after the first
	FellBack uint64 `json:"fell_back,omitempty"` // calls that were answered by a fallback
	TimedOut uint64 `json:"timed_out,omitempty"` // tries whose caller could wait no longer
}
