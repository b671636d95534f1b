//go:build !unix

package process

import "time"

func sendState(string, time.Duration, ...int) error { return ErrNoParent }
