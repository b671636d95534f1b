package systemdtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Unit writes a unit, such as "shop.service", or an addition to one, "shop.service.d/x.conf".
// systemd reads it at the next "daemon-reload".
func (s *Systemd) Unit(t testing.TB, name, text string) {
	t.Helper()
	path := filepath.Join(s.Dir, "units", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Systemctl runs systemctl, and returns what that says.
func (s *Systemd) Systemctl(args ...string) (string, error) {
	return s.Run(append([]string{"systemctl", "--no-pager"}, args...)...)
}

// Run runs a program beside systemd, and returns what that says.
func (s *Systemd) Run(args ...string) (string, error) {
	out, err := s.enter(args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, text)
	}
	return text, err
}

// Must is [Systemd.Systemctl]; an error fails the test.
func (s *Systemd) Must(t testing.TB, args ...string) string {
	t.Helper()
	text, err := s.Systemctl(args...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Show returns a property of a unit, such as "ActiveState".
func (s *Systemd) Show(t testing.TB, unit, property string) string {
	t.Helper()
	return s.Must(t, "show", "--value", "--property="+property, unit)
}

// Await waits until a property of a unit is as wanted.
func (s *Systemd) Await(t testing.TB, unit, property, want string) {
	t.Helper()
	for deadline := time.Now().Add(Patience); ; time.Sleep(20 * time.Millisecond) {
		got := s.Show(t, unit, property)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s of %s is %q, want %q", property, unit, got, want)
		}
	}
}

// Said returns what a service has written.
func (s *Systemd) Said(unit string) string { return read(filepath.Join(s.Dir, unit+".said")) }

// Log returns what systemd itself has said.
func (s *Systemd) Log() string { return read(filepath.Join(s.Dir, "log")) }

func read(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(raw)
}
