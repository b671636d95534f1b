package halesql

// Parse returns what the name of a query is made of.
func Parse(query string) (verb, table string) {
	st := parse(query)
	return st.verb, st.table
}

// Verbs are the verbs that are known.
var Verbs = verbs
