// Package lookup finds again what was made once for a key, without a lock: the
// operation of a route, a method or a statement. What can be asked for by many
// names, which come from anywhere, has a bound.
package lookup
