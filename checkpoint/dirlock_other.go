//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package checkpoint

import (
	"errors"
	"os"
)

func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }

func unlock(*os.File) {}

func rename(from, to string) error { return os.Rename(from, to) }

func syncDir(string) error { return nil }

func isFull(error) bool { return false }

func isReadOnly(error) bool { return false }
