// Package checkpoint keeps the state of tasks, so that a task that is started again goes on
// where it was: in the same process, after a crash, or on another machine.
//
// [Resume] claims a task's key in a [Store] and returns its last good state; [Claim.Save]
// keeps the next one. A claim has an epoch that the store keeps and that only rises. Once somebody else
// resumes the key, in whatever process, the saves of the claim before fail with [ErrFenced]
// and write nothing: a run that was given up, and wakes up later, cannot overwrite what its
// successor saved. That is a fencing token, as the sequencers of Chubby (Burrows 2006), checked where the
// data is. It orders processes; hale.Fenced and hale.Generation order runs within one.
//
// Where the state is kept depends on where the task may come back:
//
//	Dir               files in a folder      on the same machine
//	checkpoint/bolt   one bbolt file         in the same process or after it, many keys
//	SQL               a table in PostgreSQL  anywhere
//
// A checkpoint orders writers and does not elect one: where several processes run a task at
// once, something else has to choose, and who gets [ErrFenced] ends for good, as a
// Transient child that returns nil does. In a handover that is the successor, so resume after
// process.Ready: one that never gets ready would have taken the key from the process that
// goes on.
//
// What a task did after its last save it does again after a crash. So its effects have to
// bear being repeated, or the state holds a number by which one is recognized.
//
// Records have a checksum and a version. A damaged one, and one of newer code, is set aside
// rather than overwritten, and the one before is used; see [Claim.Aside].
package checkpoint
