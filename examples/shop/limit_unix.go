//go:build unix

package main

import "syscall"

// maxFiles is what a container often allows. Go raises the limit as far as it may,
// and the demo does not want to open half a million files.
const maxFiles = 1024

func limitFiles() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil && limit.Cur > maxFiles {
		limit.Cur = maxFiles
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) // the demo says so, if it does not find the leak
	}
}
