package systemdtest_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/internal/systemdtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// It boots, runs services, and has ended with the test.
func TestStart(t *testing.T) {
	before, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("runs", func(t *testing.T) {
		s, err := systemdtest.Start(t)
		if errors.Is(err, systemdtest.ErrForbidden) {
			t.Logf("NOT TESTED: %v", err)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Unit(t, "one.service", "[Service]\nType=oneshot\nExecStart=/bin/echo hello\n")
		s.Must(t, "daemon-reload")
		s.Must(t, "start", "one.service")
		if said := s.Said("one.service"); said != "hello\n" {
			t.Errorf("it said %q", said)
		}
		if _, err := s.Systemctl("start", "none.service"); err == nil {
			t.Error("a unit that is not there was started")
		}
		if !strings.Contains(s.Log(), "hale.target") {
			t.Errorf("its log: %s", s.Log())
		}
	})
	if after, err := os.ReadFile("/proc/self/mounts"); err != nil || string(after) != string(before) {
		t.Errorf("%v: the mounts were\n%s and are\n%s", err, before, after)
	}
}
