package halesql

import (
	"strings"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/internal/lookup"
	"github.com/hale-go/hale/observe"
)

const (
	maxStatements = 256     // how many names of statements are told apart
	maxTexts      = 512     // how many queries are not parsed again
	maxText       = 1 << 10 // how long one of those may be
)

// database finds the operations of one database.
type database struct {
	rt     *hale.Runtime
	name   string
	naming func(string) string // see [Name]

	connect, ping, prepare, beginTx, commit, rollback *hale.Operation

	texts lookup.Table[string, *hale.Operation] // by the query
	known lookup.Table[statement, *hale.Operation]
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

// statement returns the operation of a query, without a lock for one that came before.
func (d *database) statement(query string) *hale.Operation {
	if op, ok := d.texts.Get(query); ok {
		return op
	}
	op := d.at(d.parse(query))
	if len(query) <= maxText && d.texts.Len() < maxTexts {
		d.texts.Add(strings.Clone(query), maxTexts, func() *hale.Operation { return op })
	}
	return op
}

func (d *database) parse(query string) statement {
	if d.naming != nil {
		if name := asked(d.naming, query); name != "" {
			return statement{verb: name}
		}
	}
	return parse(query)
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

// at returns the operation of a statement.
func (d *database) at(st statement) *hale.Operation {
	if op, ok := d.known.Get(st); ok {
		return op
	}
	op, ok := d.known.Add(statement{strings.Clone(st.verb), strings.Clone(st.table)}, maxStatements, func() *hale.Operation { return d.operation(st) })
	if !ok {
		return d.operation(st.cut())
	}
	return op
}

func (d *database) operation(st statement) *hale.Operation {
	name := d.name + "." + st.verb
	if st.table != "" {
		name += " " + st.table
	}
	return d.rt.Operation(observe.Client, name, observe.Domain(d.name))
}
