// Package halesql puts what a service asks of an SQL database under hale's care, by
// database/sql and any driver for it. It needs nothing but the standard library and
// hale.
//
//	db := sql.OpenDB(halesql.Wrap(rt, connector, halesql.Database("shop")))
//	defer halesql.Stats(rt, "shop", db)()
//
// Each statement, transaction's begin and end, preparation, ping and connection is a
// [hale.Span] of an operation that the service calls, in the span and the trace of the
// context that it was called with.
//
// # Names
//
// A statement is named by its database, its verb and its first table, "shop.SELECT
// orders", and never by its text, so that no data of users is in a name. Comments,
// common table expressions and subqueries are looked through. What begins with no known
// verb is "shop.sql". Of the names, 256 are told apart; of the others only the verb is
// kept. See [Name] for names of one's own. The rest is "shop.PREPARE", "shop.BEGIN",
// "shop.COMMIT", "shop.ROLLBACK", "shop.PING" and "shop.CONNECT". All of a database's
// operations are in its domain, "shop".
//
// # How a call ends
//
// A span ends when the driver answers: for a query, when it has its rows or says that
// they can be read. What takes place while rows are read is not in it, nor are errors
// that come only then. The outcome is "ok", or the [hale.ErrorType] of the error, a
// failure. Where the driver's error has a method SQLState() string, as those of pgx and
// lib/pq have, it is the whole code, such as "sqlstate 40001": a class would put a
// deadlock and a failed serialization together, or a full disk and too many clients.
// Four errors are no failure:
//
//   - A violated constraint, class 23, is the fault of what was given. It also counts as
//     a business error of the operation.
//   - A caller who gave up: "canceled". A deadline that passed is "timeout", a failure.
//   - [driver.ErrBadConn], a connection that went stale, which database/sql tries again
//     on another one: "bad connection". A database that is gone fails by CONNECT.
//   - [driver.ErrSkip], by which a driver asks for the statement to be prepared first:
//     the span goes on, with the preparation in it, to the statement's own end.
//
// Errors come back as the driver returned them.
//
// # What drivers see
//
// database/sql takes the same path as without this package, whichever of the optional
// interfaces a driver's connections and statements have. Rows and results are the
// driver's own. A function that [database/sql.Conn.Raw] calls is given a connection of
// this package; [Unwrap] returns the driver's.
package halesql
