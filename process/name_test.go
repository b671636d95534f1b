package process_test

import (
	"strings"
	"testing"

	"github.com/hale-go/hale/process"
)

// Each address has a name of its own, which systemd takes.
func TestName(t *testing.T) {
	long := "/run/" + strings.Repeat("x", 300)
	names := map[string]string{}
	for _, address := range []string{
		"127.0.0.1:8080", "127.0.0.1=8080", "[::1]:80", "[==1]:80", ":0", "", "/tmp/a b", "/tmp/a_b", "/tmp/a\tb", "/tmp/ä", "/tmp/ö",
		"/tmp/s", "/tmp/s~2", long, long + "y", long + "z", "\xff", "\xfe",
	} {
		name := process.Name("unix", address)
		if other, ok := names[name]; ok {
			t.Errorf("%q and %q are both called %q", address, other, name)
		}
		names[name] = address
		if len(name) > 255-8 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
			t.Errorf("%q is called %q, which is no name", address, name)
		}
	}
	if name := process.Name("tcp", "0.0.0.0:8080"); name != "tcp=0.0.0.0=8080" {
		t.Errorf("called %q", name)
	}
}

// No address makes a name that is none, and two that differ have different ones.
func FuzzName(f *testing.F) {
	f.Add("tcp", ":8080", "/run/s")
	f.Add("unix", "/tmp/a b", "/tmp/a_b")
	f.Fuzz(func(t *testing.T, network, a, b string) {
		name := process.Name(network, a)
		if len(name) > 255-8 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
			t.Errorf("%q is no name", name)
		}
		if (a == b) != (name == process.Name(network, b)) {
			t.Errorf("%q and %q: %q", a, b, name)
		}
	})
}
