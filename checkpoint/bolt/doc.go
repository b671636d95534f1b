// Package bolt keeps checkpoints in a file of go.etcd.io/bbolt: many keys in one file, for
// services with thousands of tasks on one machine. It is a package of its own so that who
// keeps checkpoints elsewhere does not link bbolt.
//
// bbolt locks the file while it is open: in a handover the successor cannot open it before the
// predecessor has closed it. Open it after process.Ready, or keep checkpoints in checkpoint.Dir or
// checkpoint.SQL.
package bolt
