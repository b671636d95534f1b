//go:build !unix

package process

func sendState(string) error { return ErrNoParent }

func sendFile(string, uintptr) error { return ErrNoParent }
