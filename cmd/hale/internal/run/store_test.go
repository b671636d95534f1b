package run_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

func init() {
	// stores stores descriptors in its first life, and tells in its second what it was given.
	services["stores"] = func() {
		begun()
		if os.Getenv("LISTEN_FDS") != "" {
			note("given " + os.Getenv("LISTEN_FDNAMES"))
			for i := range strings.Split(os.Getenv("LISTEN_FDNAMES"), ":") {
				note(fmt.Sprintf("kind %d %s", i, kind(3+i)))
			}
			os.Exit(0)
		}
		stores[os.Getenv("HOW")]()
		os.Exit(1) // at once: what was said counts
	}
}

// kind says what a descriptor is.
func kind(fd int) string {
	at, err := syscall.Getsockname(fd)
	if in, ok := at.(*syscall.SockaddrInet4); ok && err == nil {
		return "port " + strconv.Itoa(in.Port)
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return err.Error()
	}
	if st.Mode&syscall.S_IFMT == syscall.S_IFREG {
		return fmt.Sprintf("file of %d bytes", st.Size)
	}
	return fmt.Sprintf("mode %o", st.Mode)
}

// listening returns a socket of its own, and tells of its port.
func listening() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		panic(err)
	}
	note("stored port " + strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	return int(f.Fd())
}

func plainFile() int {
	f, err := os.Open(os.Getenv("NOTES") + ".state")
	if err != nil {
		panic(err)
	}
	return int(f.Fd())
}

var stores = map[string]func(){
	"no name": func() { tell("FDSTORE=1", listening()) },
	"several": func() {
		tell("FDSTORE=1\nFDNAME=a", listening(), listening())
		tell("FDSTORE=1\nFDNAME=a", listening())
	},
	"the same":  func() { fd := listening(); tell("FDSTORE=1\nFDNAME=a", fd, fd); tell("FDSTORE=1\nFDNAME=b", fd) },
	"no socket": func() { tell("FDSTORE=1\nFDNAME=state", plainFile()) },
	"none":      func() { tell("FDSTORE=1\nFDNAME=a"); tell("FDSTORE=1\nFDNAME=b", listening()) },
	"bad name":  func() { tell("FDSTORE=1\nFDNAME=a:b", listening()); tell("FDSTORE=1\nFDNAME=b", listening()) },
	"removed": func() {
		tell("FDSTORE=1\nFDNAME=a", listening(), listening())
		tell("FDSTORE=1\nFDNAME=b", listening())
		tell("FDSTOREREMOVE=1\nFDNAME=a")
	},
	"last of many": func() {
		for i := range 64 {
			tell("STATUS=" + strconv.Itoa(i))
		}
		tell("FDSTORE=1\nFDNAME=a", listening())
	},
	"more than all": func() {
		for i := range 200 {
			tell("FDSTORE=1\nFDNAME=n"+strconv.Itoa(i), listening())
		}
	},
}

// What a service stores the next one is given, whatever else it says.
func TestStore(t *testing.T) {
	for _, c := range []struct{ how, names, warned string }{
		{"no name", "stored", ""},
		{"several", "a:a:a", ""},
		{"the same", "a", ""},
		{"no socket", "state", ""},
		{"none", "b", "no descriptor came along"},
		{"bad name", "b", "a socket's name is"},
		{"removed", "b", ""},
		{"last of many", "a", ""},
	} {
		t.Run(c.how, func(t *testing.T) {
			s := start(t, "stores", run.Config{MaxRestarts: 1}, "HOW="+c.how)
			_ = os.WriteFile(s.notes+".state", []byte("state"), 0o600)
			if code := s.exit(); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			if names := s.after("given", 1); names != c.names {
				t.Errorf("given %q, want %q", names, c.names)
			}
			if c.warned != "" && !strings.Contains(s.log.String(), c.warned) {
				t.Errorf("the log does not say %q", c.warned)
			}
			all := strings.Join(s.lines(), "\n")
			if c.how == "no socket" {
				if !strings.Contains(all, "kind 0 file of 5 bytes") {
					t.Error("it is another file")
				}
				return
			}
			var stored, given []string
			for _, line := range s.lines() {
				if port, ok := strings.CutPrefix(line, "stored "); ok {
					stored = append(stored, port)
				}
				if _, port, ok := strings.Cut(line, " port "); ok && strings.HasPrefix(line, "kind ") {
					given = append(given, "port "+port)
				}
			}
			stored = stored[len(stored)-len(strings.Split(c.names, ":")):]
			if !slices.Equal(stored, given) {
				t.Errorf("given %v, want %v", given, stored)
			}
		})
	}
}

// There is a bound to what is held.
func TestStoreTooMany(t *testing.T) {
	s := start(t, "stores", run.Config{MaxRestarts: 1}, "HOW=more than all")
	if code := s.exit(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if n := len(strings.Split(s.after("given", 1), ":")); n != 128 {
		t.Errorf("%d are held", n)
	}
	if !strings.Contains(s.log.String(), "is one too many: 128 are held") {
		t.Error("nobody is told")
	}
}

// The socket of a parent's parent is left alone: its file, which others find it by, too.
func TestLentSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "h") // a short path
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	s := start(t, "runner", run.Config{Listen: []string{"unix:" + path}, Restart: run.Always, MaxRestarts: 2, Delay: time.Millisecond},
		"INNER=leave", "CODE=0", "PROGRAM="+os.Args[0], `CONFIG={}`)
	_ = s.after("runner", 2) // the first one has ended
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if code := s.exit(); code != 1 { // the restarts are used up
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file is left behind: %v", err)
	}
}

// What a service gives to hold is not in the way of starting it again, where few files may be
// open.
func TestStoreFewFiles(t *testing.T) {
	s := &started{t: t, notes: filepath.Join(t.TempDir(), "notes")}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `ulimit -n 64 && exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), "SERVICE=runner", "INNER=stores", "HOW=more than all", `CONFIG={"MaxRestarts":2}`, "PROGRAM="+os.Args[0], "NOTES="+s.notes)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if n := len(strings.Split(s.after("given", 1), ":")); n < 8 || n > 32 {
		t.Errorf("%d are held", n)
	}
}
