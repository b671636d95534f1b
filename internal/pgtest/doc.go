// Package pgtest runs a real PostgreSQL for a while, on loopback and with a folder of its
// own, for tests. It can be killed and started again, stopped where it is and resumed, and
// one server can be made a standby of another. Run by root it becomes the user postgres, or
// nobody: PostgreSQL refuses to run as root. A server that is missing fails the test; "make deps" installs it.
package pgtest
