// Package diagnose turns findings into incidents. Findings that share a cause
// become one [Incident] with one [Fault], one subject, a root cause in a
// sentence, and the evidence of all of them. One that names its cause belongs to
// the incident about that, as one of those affected. The [Diagnoser] opens
// incidents and keeps them up to date; package heal moves them through their phases.
package diagnose
