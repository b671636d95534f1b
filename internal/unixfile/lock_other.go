//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package unixfile

import "os"

func openFolder(path string) (*os.File, error) { return os.Open(path) }

func tryLock(*os.File) bool { return true }
