package halesql

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// maxStatements is how many names of statements are told apart.
const maxStatements = 256

// database finds the operations of one database.
type database struct {
	rt     *hale.Runtime
	name   string
	naming func(string) string // see [Name]

	connect, ping, prepare, beginTx, commit, rollback *hale.Operation

	known atomic.Pointer[map[statement]*hale.Operation] // replaced, never changed
	mu    sync.Mutex                                    // of who replaces it
}

// open makes the operations that are no statements'. It reports false where there is no
// runtime.
func (d *database) open() bool {
	for name, op := range map[string]**hale.Operation{
		"CONNECT": &d.connect, "PING": &d.ping, "PREPARE": &d.prepare, "BEGIN": &d.beginTx, "COMMIT": &d.commit, "ROLLBACK": &d.rollback,
	} {
		*op = d.rt.Operation(observe.Client, d.name+"."+name, observe.Domain(d.name))
	}
	return d.connect != nil
}

// statement returns the operation of a query, without a lock and without making a name
// where it is known.
func (d *database) statement(query string) *hale.Operation {
	if d.naming != nil {
		if name := asked(d.naming, query); name != "" {
			return d.at(statement{verb: name})
		}
	}
	return d.at(parse(query))
}

// asked calls the service's own function, whose panic must not fail the query.
func asked(naming func(string) string, query string) (name string) {
	defer func() {
		if recover() != nil {
			name = ""
		}
	}()
	return naming(query)
}

func (d *database) at(st statement) *hale.Operation {
	if known := d.known.Load(); known != nil {
		if op, ok := (*known)[st]; ok {
			return op
		}
	}
	return d.add(st)
}

func (d *database) add(st statement) *hale.Operation {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := map[statement]*hale.Operation{}
	if old := d.known.Load(); old != nil {
		if op, ok := (*old)[st]; ok {
			return op
		}
		if len(*old) >= maxStatements {
			return d.operation(st.cut())
		}
		known = maps.Clone(*old)
	}
	op := d.operation(st)
	known[statement{strings.Clone(st.verb), strings.Clone(st.table)}] = op
	d.known.Store(&known)
	return op
}

func (d *database) operation(st statement) *hale.Operation {
	name := d.name + "." + st.verb
	if st.table != "" {
		name += " " + st.table
	}
	return d.rt.Operation(observe.Client, name, observe.Domain(d.name))
}
