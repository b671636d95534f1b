// Package standby switches between a primary and a standby of anything that can be opened
// and checked: two databases, two brokers, two services. [New] makes a [Switch] of two [Side]s, and one
// goroutine, [Switch.Run], checks both. After two failed checks of the active one callers are
// given the other; a standby that follows is promoted first. [NewConnector] is that for
// database/sql: the application keeps one ordinary *sql.DB.
//
// A switch is one process's view. What it cannot do:
//
//   - It does not fence. A primary that is cut off from this process may still serve others,
//     and both are written to. Whether the old one must stop is the database's business: have it
//     commit only what the standby has confirmed (synchronous replication), or stop it by a
//     cluster's own agent, and let a promotion be that agent's alone (no Promote).
//   - Each process decides for itself. With [Side.Epoch] the others follow whoever promotes
//     within an interval; without it they do not know.
//   - What was acknowledged by the primary alone is lost with it.
//   - A piece of work under way on the side that is left ends as that side lets it, and may be
//     carried out there after the switch. Give it a deadline, and do again only what bears it.
//
// A side that was left by a promotion is not used again by itself: its data has diverged. It is once
// it follows the other, or a person calls [Switch.Switch].
package standby
