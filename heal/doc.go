// Package heal decides what is done about an incident, does it, and verifies
// that it helped. A [Policy] maps the fault to a ladder of remedies; [Guardrails]
// say whether each may run now; after each rung the symptom is measured again:
// the incident is verified, the next rung is climbed, or what made it worse is
// rolled back.
//
// The [Healer] decides and does nothing else, so that its decisions can be
// replayed. The [Executor] carries its commands out on a [Target], and writes
// each into the [Journal] before.
package heal
