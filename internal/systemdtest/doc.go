// Package systemdtest runs a real systemd for a while, for tests: as PID 1 of namespaces of
// its own, with a control group, a root folder, units and a log that are the test's. It
// knows nothing of the machine's systemd and does not touch it; its processes end with the
// test's, however that ends. It shares the machine's network, so that a test connects to
// what it starts, and is not allowed to configure it.
//
// That takes root, and a machine that allows namespaces and mounts, as a plain container does not:
// [ErrForbidden] then says so. A program that is missing fails the test; "make deps" installs it.
package systemdtest
