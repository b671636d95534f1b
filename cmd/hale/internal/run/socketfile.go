package run

import (
	"os"
	"strings"
	"syscall"

	"github.com/hale-go/hale/internal/unixfile"
)

// socketFile is the file of a Unix socket, which would be in the way of the next. The zero
// value is none.
type socketFile struct {
	path string
	info os.FileInfo
}

// fileOf returns that of a socket, if it has one. A connection has the name of the socket that
// it came by, which others may listen on.
func fileOf(fd int) socketFile {
	at, err := syscall.Getsockname(fd)
	if err != nil {
		return socketFile{}
	}
	if _, err := syscall.Getpeername(fd); err == nil {
		return socketFile{}
	}
	u, ok := at.(*syscall.SockaddrUnix)
	if !ok || !strings.HasPrefix(u.Name, "/") {
		return socketFile{}
	}
	info, err := os.Lstat(u.Name)
	if err != nil {
		return socketFile{}
	}
	return socketFile{u.Name, info}
}

// remove takes the file away, unless there is another by now: who listens there may have taken
// this one away, and the system may have given its number to the next.
func (f socketFile) remove() {
	if f.path != "" {
		unixfile.Remove(f.path, f.info)
	}
}
