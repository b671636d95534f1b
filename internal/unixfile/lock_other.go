//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package unixfile

import "os"

func tryLock(*os.File) bool { return true }
