package resource_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hale-go/hale/internal/resource"
	"github.com/hale-go/hale/observe"
)

// why returns the reason for which something is missing.
func why(u *observe.Resources, what string) string {
	for _, m := range u.Missing {
		if m.What == what {
			return m.Why
		}
	}
	return ""
}

const group = "sys/fs/cgroup/"

// A limit may be changed while the process runs, and is seen within 10 s.
func TestLimitsAreLookedForAgain(t *testing.T) {
	root := load(t, "v2")
	r := resource.New(root)
	first := r.Read(noon)
	if first.Quota != 1.5 || first.Memory.Limit != 512<<20 || first.Threads.Limit != 100 {
		t.Fatalf("%+v", first)
	}
	write(t, root, group+"cpu.max", "max 100000\n")
	write(t, root, group+"memory.max", "1000000000\n")
	write(t, root, group+"pids.max", "max\n")
	if u := r.Read(noon.Add(2 * time.Second)); u.Quota != 1.5 {
		t.Error("limits are looked for in each reading")
	}
	u := r.Read(noon.Add(time.Hour))
	if u.Quota != 0 || u.Throttling != nil || u.Memory.Limit != 1e9 || u.Threads != nil || u.Missing != nil {
		t.Errorf("%+v", u)
	}
	if first.Quota != 1.5 || first.Memory.Limit != 512<<20 {
		t.Error("a value that was handed out changed")
	}
}

// A process that moves is counted on: what its new group counted before is not
// its doing.
func TestCountersAreCarriedOn(t *testing.T) {
	root := load(t, "slice")
	r := resource.New(root)
	slice := group + "system.slice/"
	stat := func(dir, periods string) {
		write(t, root, dir+"cpu.stat", "nr_periods "+periods+"\nnr_throttled 0\nthrottled_usec 0\n")
	}
	now := noon
	next := func() uint64 { now = now.Add(time.Hour); return r.Read(now).Throttling.Periods }
	steps := []struct {
		name string
		do   func()
		want uint64
	}{
		{"at first", func() {}, 10},
		{"it counts", func() { stat(slice, "15") }, 15},
		{"it falls", func() { stat(slice, "3") }, 15},
		{"it goes on", func() { stat(slice, "5") }, 17},
		{"moved to a group that counted more", func() {
			write(t, root, group+"other/cpu.max", "100000 100000\n")
			stat(group+"other/", "1000")
			write(t, root, "proc/7/cgroup", "0::/other\n")
		}, 17},
		{"it counts there", func() { stat(group+"other/", "1002") }, 19},
	}
	for _, s := range steps {
		if s.do(); true {
			if got := next(); got != s.want {
				t.Errorf("%s: %d, want %d", s.name, got, s.want)
			}
		}
	}
}

// An interface that comes or goes takes its counters with it.
func TestInterfacesComeAndGo(t *testing.T) {
	root := load(t, "v2")
	r := resource.New(root)
	now := noon
	read := func(lines string) uint64 {
		write(t, root, "proc/7/net/dev", "heading\n"+lines)
		now = now.Add(time.Minute)
		return r.Read(now).Network.ReceivedBytes
	}
	eth := func(bytes string) string { return " eth0:" + bytes + " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n" }
	veth := "veth1:1 5000 0 0 0 0 0 0 0 0 0 0 0 0 0 0\nveth2:7000 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
	for i, step := range []struct {
		lines string
		want  uint64
	}{
		{eth("100"), 100},
		{eth("150"), 150},
		{eth("160") + veth, 150},
		{eth("170") + veth, 160},
		{eth("180"), 160},
		{eth("200"), 180},
		{eth("5"), 180}, // another of the same name
	} {
		if got := read(step.lines); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
}

// Each file that cannot be read costs its own facts, with the reason.
func TestUnreadable(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, root string)
		what  string
		why   string
		rest  func(u *observe.Resources) bool
	}{
		{"procfs panics at a short stat", text("proc/7/stat", "7 (shop)"), "process", "makes no sense: runtime error", func(u *observe.Resources) bool { return u.Process == nil && u.Files != nil }},
		{"procfs panics at brackets the wrong way", text("proc/7/stat", ")("), "process", "makes no sense: runtime error", func(u *observe.Resources) bool { return u.Process == nil }},
		{"a stat without memory", text("proc/7/stat", "7 (x) S 1 7 7 0 -1 0 0 0 0 0 12 5 0 0 20 0 17 0 8 12 -1 0 1 1 0 0 0 0 0 0 21 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0"), "process", "parse /proc/self/stat: makes no sense", func(u *observe.Resources) bool { return u.Process == nil }},
		{"a stat that lasted for ages", text("proc/7/stat", "7 (x) S 1 7 7 0 -1 0 0 0 0 0 18446744073709551615 5 0 0 20 0 17 0 8 12 1 0 1 1 0 0 0 0 0 0 21 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0"), "process", "", func(u *observe.Resources) bool { return true }},
		{"a folder", folder(group + "memory.current"), "memory", "read /sys/fs/cgroup/memory.current: is a directory", func(u *observe.Resources) bool { return u.Memory == nil && u.Threads != nil }},
		{"no cache", remove(group + "memory.stat"), "cache", "open /sys/fs/cgroup/memory.stat: no such file or directory", func(u *observe.Resources) bool { return u.Memory.Used == 3e8 && u.Memory.Cache == 0 }},
		{"no time of throttling", text(group+"cpu.stat", "nr_periods 1\nnr_throttled 0\n"), "throttling", "parse /sys/fs/cgroup/cpu.stat: makes no sense", func(u *observe.Resources) bool { return u.Throttling == nil && u.Quota == 1.5 }},
		{"no count of threads", remove(group + "pids.current"), "threads", "open /sys/fs/cgroup/pids.current: no such file or directory", func(u *observe.Resources) bool { return u.Threads == nil }},
		{"one kind of pressure", remove(group + "io.pressure"), "io pressure", "open /sys/fs/cgroup/io.pressure: no such file or directory", func(u *observe.Resources) bool { return u.Pressure.IO == nil && u.Pressure.CPU.Some == 12.5 }},
		{"huge", text("proc/7/net/dev", strings.Repeat("x", resource.MaxFile+1)), "network", "read /proc/self/net/dev: larger than 1 MiB", func(u *observe.Resources) bool { return u.Network == nil && u.Pressure != nil }},
		{"half a line", text("proc/7/net/dev", "\neth0: 1 2 3 4 5 6 7 8 9 10 11 12 13"), "network", "parse /proc/self/net/dev: makes no sense", func(u *observe.Resources) bool { return u.Network == nil }},
		{"no groups", remove("proc/7/cgroup"), "control groups", "open /proc/7/cgroup: no such file or directory", func(u *observe.Resources) bool { return u.Quota == 0 && u.Memory == nil }},
		{"no mounts", text("proc/7/mountinfo", "x"), "control groups", "error parsing file: Could not split hyphen separator: x", func(u *observe.Resources) bool { return u.Quota == 0 }},
		{"not mounted", text("proc/7/mountinfo", "1 0 0:1 / / rw - ext4 ext4 rw\n"), "quota", "the control group's folder is not mounted", func(u *observe.Resources) bool { return u.Quota == 0 }},
		{"a quota of no period", text(group+"cpu.max", "100000 0"), "quota", "parse /sys/fs/cgroup/cpu.max: makes no sense", func(u *observe.Resources) bool { return u.Quota == 0 && u.Throttling == nil }},
		{"a reason that has no end", text("proc/7/mountinfo", strings.Repeat("ü\xff", 1e4)), "control groups", "error parsing", func(u *observe.Resources) bool { return true }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := load(t, "v2")
			test.spoil(t, root)
			u := resource.New(root).Read(noon)
			got := why(u, test.what)
			if !strings.Contains(got, test.why) || (got == "") != (test.why == "") || len(got) > resource.MaxWhy || !utf8.ValidString(got) {
				t.Errorf("%q of %+v", got, u.Missing)
			}
			if !test.rest(u) {
				t.Errorf("%+v", u)
			}
			if _, err := json.Marshal(u); err != nil {
				t.Error(err)
			}
		})
	}
}

func text(name, text string) func(*testing.T, string) {
	return func(t *testing.T, root string) { write(t, root, name, text) }
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		if err := os.Remove(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func folder(name string) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		remove(name)(t, root)
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// Files are cut short at every length, and nothing worse comes of it than that
// facts are missing.
func TestCutShort(t *testing.T) {
	for _, name := range []string{
		"proc/7/stat", "proc/7/cgroup", "proc/7/mountinfo", "proc/7/net/dev",
		group + "cpu.max", group + "cpu.stat", group + "memory.max", group + "memory.current", group + "memory.stat", group + "cpu.pressure",
	} {
		root := load(t, "v2")
		whole, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		full := steady(resource.New(root).Read(noon))
		for n := range whole {
			write(t, root, name, string(whole[:n]))
			u := resource.New(root).Read(noon)
			cut := steady(u)
			if p := cut.Process; p != nil && *p != *full.Process {
				t.Errorf("%s cut to %d: %+v", name, n, p)
			}
			if p := cut.Throttling; p != nil && *p != *full.Throttling {
				t.Errorf("%s cut to %d: %+v", name, n, p)
			}
			if p := cut.Network; p != nil && *p != *full.Network && p.ReceivedBytes != 0 { // without the last line there is one interface less
				t.Errorf("%s cut to %d: %+v", name, n, p)
			}
			if m := cut.Memory; m != nil && m.Cache != full.Memory.Cache && why(u, "cache") == "" && name == group+"memory.stat" {
				t.Errorf("%s cut to %d: %+v", name, n, m)
			}
			if p := cut.Pressure; p != nil && p.CPU != nil && *p.CPU != *full.Pressure.CPU && p.CPU.Some != full.Pressure.CPU.Some {
				t.Errorf("%s cut to %d: %+v", name, n, p.CPU)
			}
			for _, m := range u.Missing {
				if m.What == "" || m.Why == "" {
					t.Errorf("%s cut to %d: %+v", name, n, u.Missing)
				}
			}
		}
	}
}

// Without /proc there is a reason, and what Go tells. It is looked for again.
func TestNoProc(t *testing.T) {
	root := t.TempDir()
	r := resource.New(root)
	u := r.Read(noon)
	if why(u, "system") == "" || u.Process != nil || u.Processors == 0 || len(u.Missing) != 1 {
		t.Errorf("%+v", u)
	}
	if again := r.Read(noon.Add(time.Second)); !reflect.DeepEqual(again.Missing, u.Missing) {
		t.Errorf("%+v, then %+v", u.Missing, again.Missing)
	}
	full := load(t, "v2")
	if err := os.Rename(filepath.Join(full, "proc"), filepath.Join(root, "proc")); err != nil {
		t.Fatal(err)
	}
	if u := r.Read(noon.Add(time.Hour)); u.Process == nil || why(u, "system") != "" {
		t.Errorf("%+v", u)
	}
}

func TestFileLimit(t *testing.T) {
	r := resource.New(load(t, "v2"))
	r.SetFileLimit(0, errors.New("not here"))
	if u := r.Read(noon); u.Files.Open != 5 || u.Files.Limit != 0 || why(u, "file limit") != "not here" {
		t.Errorf("%+v, %+v", u.Files, u.Missing)
	}
}
