// Package resource reads what the process uses of what it may use, inside and
// outside of containers, for a sample every second.
//
// A [Reader] takes what it can get from /proc, the control groups of both
// versions, and runtime/metrics. It finds the groups by /proc/self/cgroup and
// /proc/self/mountinfo and not at fixed paths, and asks for limits again every
// 10 s, as they can be changed while the process runs. What the system does not
// tell is left out, with the reason.
//
// Processes, their descriptors, mounts and groups are read with
// github.com/prometheus/procfs. The files of control groups, which it does not
// know, pressure, which it knows for the machine only, and network counters,
// where a short line makes it panic, are read here.
//
// RLIMIT_NPROC is not among the facts: it bounds the threads of all processes of a
// user, which a process cannot count, and does not bind root.
package resource
