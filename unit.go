package hale

// unit is one function that runs on a pool's worker. It is the context that the
// function gets, and nothing else: what is not known to user code is in the
// worker and in the ticket.
type unit struct {
	scope
	ticket *ticket // nil when nobody waits
}

// ticket is what a submitter waits with.
type ticket struct {
	done     chan struct{}
	err      error // set before done is closed, by whoever cleared the worker's pointer
	returned bool  // err is of the body's own return
}

// settle gives the unit its result, if anybody wants it. The worker's pointer
// sees to it that only one side does.
func (t *ticket) settle(err error, returned bool) {
	if t == nil {
		return
	}
	t.err, t.returned = err, returned
	close(t.done)
}
