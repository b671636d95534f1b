// Package killed tests stores by killing the process that saves to them. The test's own
// binary is the child: its TestMain calls [Child] first.
package killed
