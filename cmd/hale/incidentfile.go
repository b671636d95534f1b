package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// incidentFile is what incidents are appended to. It is opened again by its path when that is
// another file, as after logrotate, or could not be opened. Each write begins a line. It is
// used by one goroutine at a time, and open until this process ends: it may be stderr.
type incidentFile struct {
	path string   // "": the file is never opened again
	file *os.File // nil: it could not be opened
	torn bool     // the last line has no end
}

// openIncidents opens the file that incidents are appended to. One that cannot be opened for
// want of a disk to write to is returned with that error: the next write tries again. Another
// error is a mistake in the path, with nothing returned.
func openIncidents(path string) (*incidentFile, error) {
	switch path {
	case "/dev/stdout": // by its path it cannot be opened where it is a socket, as under systemd
		return &incidentFile{file: os.Stdout}, nil
	case "/dev/stderr":
		return &incidentFile{file: os.Stderr}, nil
	}
	f := &incidentFile{path: path}
	err := f.open()
	switch {
	case err == nil:
		return f, nil
	case mayPass(err):
		return f, fmt.Errorf("--incidents: %w", err)
	case errors.Is(err, syscall.ENXIO):
		return nil, fmt.Errorf("--incidents: %s is a pipe that nobody reads, or a socket: start who reads it first, or name a file", path)
	}
	return nil, fmt.Errorf("--incidents: %w: name a file that this user may write, in a folder that is there", err)
}

// mayPass reports whether an error is of a disk that cannot be written to now, for which a
// service need not be down.
func mayPass(err error) bool {
	disk := []error{syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO}
	return slices.ContainsFunc(disk, func(e error) bool { return errors.Is(err, e) })
}

// open opens the file. A pipe is opened only when somebody reads it: else this would wait for
// that. Incidents have stacks and last words in them, which are not for everybody.
func (f *incidentFile) open() error {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	if f.file != nil {
		_ = f.file.Close()
	}
	f.file, f.torn = file, endsTorn(f.path)
	return nil
}

// endsTorn reports whether the last line of a file has no end, as after a full disk.
func endsTorn(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close() // it was read
	last := make([]byte, 1)
	_, err = file.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}

// Write appends lines.
func (f *incidentFile) Write(lines []byte) (n int, err error) {
	if f.moved() {
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	if f.torn {
		if _, err := f.file.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		f.torn = false
	}
	n, err = f.file.Write(lines)
	if n > 0 {
		f.torn = lines[n-1] != '\n'
	}
	return n, err
}

// moved reports whether the path is not that of the open file: it has been renamed or removed.
func (f *incidentFile) moved() bool {
	if f.path == "" {
		return false
	}
	if f.file == nil {
		return true
	}
	open, err := f.file.Stat()
	if err != nil {
		return true
	}
	now, err := os.Stat(f.path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(open, now)
}
