// Package bolt keeps checkpoints in a file of go.etcd.io/bbolt: many keys in one file, for
// services with thousands of tasks on one machine. It is a package of its own so that who
// keeps checkpoints elsewhere does not link bbolt.
package bolt
