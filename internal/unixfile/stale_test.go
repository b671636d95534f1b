package unixfile_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hale-go/hale/internal/unixfile"
)

// Only the file of a socket on which nobody listens is removed.
func TestRemoveStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_, taken := net.Listen("unix", path)
	if taken == nil || unixfile.RemoveStale(path, taken) {
		t.Errorf("%v: the file of a socket that is listened on was removed", taken)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
	if unixfile.RemoveStale(path, nil) || unixfile.RemoveStale(path, errors.New("other")) {
		t.Error("it was removed without a reason")
	}
	if !unixfile.RemoveStale(path, taken) {
		t.Error("it was not removed")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if unixfile.RemoveStale(path, syscall.EADDRINUSE) {
		t.Error("a file that is no socket was removed")
	}
}
