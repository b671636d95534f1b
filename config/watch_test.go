package config_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/config"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
)

// applied notes what a watcher gives and tells.
type applied struct {
	mu    sync.Mutex
	ticks []time.Duration
	errs  []error
	fail  error
}

func (a *applied) apply(c hale.Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ticks = append(a.ticks, c.Tick)
	return a.fail
}

func (a *applied) tell(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.errs = append(a.errs, err)
}

// take returns what came since the last call.
func (a *applied) take() (ticks []time.Duration, errs []error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ticks, errs = a.ticks, a.errs
	a.ticks, a.errs = nil, nil
	return ticks, errs
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// watch starts a watcher and returns what it noted, and what waits for n looks of it.
func watch(t *testing.T, path string, opts ...config.WatchOption) (a *applied, looks func(n int)) {
	a = &applied{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- config.Watch(ctx, path, a.apply, append([]config.WatchOption{config.OnError(a.tell)}, opts...)...)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return a, func(n int) {
		time.Sleep(time.Duration(n) * 5 * time.Second)
		synctest.Wait()
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "hale.yaml")
		put(t, path, "tick: 1s\n")
		a, looks := watch(t, path)
		expect := func(what string, tick time.Duration, wrong string) {
			t.Helper()
			ticks, errs := a.take()
			switch {
			case tick == 0 && len(ticks) > 0, tick > 0 && (len(ticks) != 1 || ticks[0] != tick):
				t.Errorf("%s: applied %v, want %v", what, ticks, tick)
			case wrong == "" && len(errs) > 0, wrong != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), wrong)):
				t.Errorf("%s: told %v, want %q", what, errs, wrong)
			}
		}
		expect("after one look", 0, "")
		looks(1)
		expect("after two", time.Second, "")
		looks(10)
		expect("nothing changed", 0, "")

		put(t, path, "tick: 2s\n")
		looks(1)
		expect("it may be half written", 0, "")
		put(t, path, "tick: 3s\n")
		looks(1)
		expect("it still changes", 0, "")
		looks(1)
		expect("it has settled", 3*time.Second, "")

		put(t, path, "tick: 5\n")
		looks(10)
		expect("a bad file", 0, "hale.yaml:1:7: tick: 5 has no unit")
		put(t, path, "tick: 3s\n")
		looks(2)
		expect("mended", 3*time.Second, "")
		put(t, path, "tick: 5\n")
		looks(10)
		expect("bad again", 0, "has no unit")

		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		looks(10)
		expect("it is gone", 0, "no such file")
		put(t, path+"~", "tick: 4s\n")
		if err := os.Rename(path+"~", path); err != nil {
			t.Fatal(err)
		}
		looks(2)
		expect("another in its place", 4*time.Second, "")

		// The same size and time of change, as where a clock is coarse.
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		put(t, path, "tick: 6s\n")
		if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		looks(2)
		expect("the same time and size", 6*time.Second, "")
	})
}

// A volume of Kubernetes holds links to a folder, and swaps the link to that.
// A file that somebody emptied takes no wall away; one that says so does.
func TestWatchEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "hale.yaml")
		put(t, path, "# nothing yet\n")
		a, looks := watch(t, path)
		for _, c := range []struct {
			text  string
			ticks int
			errs  int
		}{{"# nothing yet\n", 1, 0}, {"tick: 2s\n", 1, 0}, {"", 0, 1}, {"# all gone\n", 0, 1}, {"tick: 3s\n", 1, 0}, {"{}\n", 1, 0}, {"\n", 0, 1}} {
			put(t, path, c.text)
			looks(2)
			ticks, errs := a.take()
			if len(ticks) != c.ticks || len(errs) != c.errs {
				t.Errorf("%q: applied %v, told %v", c.text, ticks, errs)
			}
			for _, err := range errs {
				if !strings.Contains(err.Error(), "nothing is in it any more") || !strings.Contains(hale.Hint(err), "{}") {
					t.Errorf("told %v, %s", err, hale.Hint(err))
				}
			}
		}
	})
}

func TestWatchConfigMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		link := func(to, name string) {
			t.Helper()
			if err := errors.Join(os.Symlink(to, name+"_tmp"), os.Rename(name+"_tmp", name)); err != nil {
				t.Fatal(err)
			}
		}
		for version, text := range map[string]string{"..1": "tick: 1s\n", "..2": "tick: 2s\n"} {
			if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(dir, version, "hale.yaml"), text)
		}
		link("..1", filepath.Join(dir, "..data"))
		path := filepath.Join(dir, "hale.yaml")
		link(filepath.Join("..data", "hale.yaml"), path)
		a, looks := watch(t, path)
		looks(2)
		link("..2", filepath.Join(dir, "..data"))
		if err := os.RemoveAll(filepath.Join(dir, "..1")); err != nil {
			t.Fatal(err)
		}
		looks(2)
		if ticks, errs := a.take(); len(ticks) != 2 || ticks[1] != 2*time.Second || len(errs) > 0 {
			t.Errorf("%v, %v", ticks, errs)
		}
	})
}

// What apply refuses is told with its place; what it cannot do now is tried again.
func TestWatchApplyFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "hale.yaml")
		put(t, path, "policy:\n  ladders:\n    goroutine_leak: [reboot]\n")
		rt, err := hale.New()
		if err != nil {
			t.Fatal(err)
		}
		defer rt.Close()
		var errs []error
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := config.Watch(ctx, path, rt.Reconfigure, config.OnError(func(err error) { errs = append(errs, err) })); err != nil {
			t.Fatal(err)
		}
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), `hale.yaml:2:3: policy.ladders: `+string(diagnose.Leak)+` names the remedy "reboot"`) || !errors.As(errs[0], new(*heal.PolicyError)) {
			t.Errorf("%v", errs)
		}

		put(t, path, "tick: 1s\n")
		a, looks := watch(t, path)
		a.mu.Lock()
		a.fail = errors.New("busy")
		a.mu.Unlock()
		looks(10)
		ticks, told := a.take()
		if len(ticks) != 10 || len(told) != 1 {
			t.Errorf("tried %d times, told %v", len(ticks), told)
		}
		a.mu.Lock()
		a.fail = nil
		a.mu.Unlock()
		looks(10)
		if ticks, told := a.take(); len(ticks) != 1 || len(told) > 0 {
			t.Errorf("tried %d times, told %v", len(ticks), told)
		}
	})
}

// Whatever the caller's functions do, the watcher goes on.
func TestWatchCallbacksPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "hale.yaml")
		put(t, path, "tick: 1s\n")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n := 0
		err := config.Watch(ctx, path, func(hale.Config) error { n++; panic("apply") }, config.OnError(func(error) { panic("tell") }))
		if err != nil || n < 5 {
			t.Errorf("%d times, %v", n, err)
		}
	})
}

func TestWatchRefuses(t *testing.T) {
	for _, err := range []error{
		config.Watch(t.Context(), "f", nil),
		config.Watch(t.Context(), "f", func(hale.Config) error { return nil }, config.Every(0)),
	} {
		if !errors.As(err, new(*hale.ConfigError)) || hale.Hint(err) == "" {
			t.Errorf("%v", err)
		}
	}
}

// Without OnError the default logger is told.
func TestWatchLogs(t *testing.T) {
	was := slog.Default()
	defer slog.SetDefault(was)
	var out bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "hale.yaml")
		put(t, path, "tick: 5\n")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := config.Watch(ctx, path, func(hale.Config) error { return nil }, nil); err != nil {
			t.Error(err)
		}
	})
	if n := strings.Count(out.String(), `hint="write 5s"`); n != 1 {
		t.Errorf("%d times: %s", n, out.String())
	}
}
