package surge

import "time"

// event is the completion of a call, or an arrival.
type event struct {
	at    time.Duration
	order int // among events of the same time
	of    *call
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.order < f.order }

// events is a heap.
type events struct {
	all   []event
	order int
}

func (e *events) first() event { return e.all[0] }

func (e *events) push(x event) {
	e.order++
	x.order = e.order
	i := len(e.all)
	e.all = append(e.all, x)
	for i > 0 {
		up := (i - 1) / 2
		if !x.before(e.all[up]) {
			break
		}
		e.all[i] = e.all[up]
		i = up
	}
	e.all[i] = x
}

func (e *events) pop() event {
	top, last := e.all[0], e.all[len(e.all)-1]
	e.all = e.all[:len(e.all)-1]
	n, i := len(e.all), 0
	for n > 0 {
		down := 2*i + 1
		if down+1 < n && e.all[down+1].before(e.all[down]) {
			down++
		}
		if down >= n || !e.all[down].before(last) {
			e.all[i] = last
			break
		}
		e.all[i] = e.all[down]
		i = down
	}
	return top
}
