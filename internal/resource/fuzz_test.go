package resource_test

import (
	"encoding/json"
	"math"
	"path"
	"strings"
	"testing"

	"github.com/hale-go/hale/internal/resource"
)

func FuzzTraffic(f *testing.F) {
	f.Add([]byte("Inter-|\n face |\n  lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n eth0:5 4 3 2 0 0 0 0 9 8 7 6 0 0 0 0\n"))
	f.Add([]byte("eth0: 1 2 3"))
	f.Add([]byte("eth0:1: 1 2 3 4 5 6 7 8 9 10 11 18446744073709551616 13 14 15 16\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		counts, interfaces, ok := resource.ParseTraffic(text)
		if !ok && (interfaces != 0 || counts != [8]uint64{}) {
			t.Errorf("%v of %d interfaces, and not ok", counts, interfaces)
		}
		if interfaces > strings.Count(string(text), ":") {
			t.Errorf("%d interfaces", interfaces)
		}
	})
}

func FuzzStall(f *testing.F) {
	f.Add([]byte("some avg10=1.50 avg60=0.21 avg300=0.99 total=8537362\nfull avg10=0.25 avg60=0.13 avg300=0.96 total=8183134\n"))
	f.Add([]byte("full avg10=NaN\nsome avg10=-1\n"))
	f.Add([]byte("some avg10=1e300"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, ok := resource.ParseStall(text)
		for _, v := range []float64{s.Some, s.Full} {
			if math.IsNaN(v) || v < 0 || v > 100 || !ok && v != 0 {
				t.Errorf("%+v, %v", s, ok)
			}
		}
	})
}

func FuzzNumbers(f *testing.F) {
	f.Add([]byte("150000"), []byte("100000"))
	f.Add([]byte("max"), []byte("100000\n"))
	f.Add([]byte("-1"), []byte("0"))
	f.Add([]byte("9223372036854771712"), []byte("18446744073709551616"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if q, ok := resource.ParseRatio(a, b); math.IsNaN(q) || math.IsInf(q, 0) || q < 0 || !ok && q != 0 {
			t.Errorf("%v, %v", q, ok)
		}
		if n, ok := resource.ParseLimit(a); n >= 1<<60 || !ok && n != 0 {
			t.Errorf("%d, %v", n, ok)
		}
		if n, ok := resource.ParseKeyed(a, string(b)); !ok && n != 0 {
			t.Error(n)
		}
	})
}

// Whatever a group is called, no folder outside of the mount is looked at.
func FuzzAround(f *testing.F) {
	f.Add("/", "/sys/fs/cgroup", "/a/b")
	f.Add("/docker/x", "/sys/fs/cgroup/memory", "/docker/x")
	f.Add("/docker/x", "/sys/fs/cgroup/memory", "/docker/xy")
	f.Add("/../..", "/sys/fs/cgroup", "/../../a")
	f.Add("/", "/m", "/../../etc")
	f.Add("/a", "/m", "/a/../../etc/./b//c/")
	f.Fuzz(func(t *testing.T, root, point, group string) {
		if point = resource.Unescape(point); !path.IsAbs(point) {
			return
		}
		dirs := resource.Around(root, point, group)
		top := path.Clean(point)
		for i, dir := range dirs {
			if dir != top && !strings.HasPrefix(dir, strings.TrimSuffix(top, "/")+"/") {
				t.Errorf("%q is not in %q", dir, top)
			}
			if i > 0 && !strings.HasPrefix(dirs[i-1], dir) {
				t.Errorf("%q is not around %q", dir, dirs[i-1])
			}
		}
		if len(dirs) > 32 {
			t.Errorf("%d folders", len(dirs))
		}
	})
}

// FuzzRead puts anything into the files that procfs reads, and into those that
// are read here.
func FuzzRead(f *testing.F) {
	f.Add("7 (shop) S 1 7 7 0 -1 0 0", "0::/", "605 604 0:29 / /sys/fs/cgroup ro - cgroup2 cgroup rw", "eth0: 1", "nr_periods 1")
	f.Add(")(", ":::", "a - b - c", ":", "")
	f.Add("7 (shop)", "3:cpu,cpuacct:/x\n0::/y", `1 2 0:1 /\056\056 /\0 rw - cgroup2 a b`, "\n", "max max")
	root := load(f, "v2")
	f.Fuzz(func(t *testing.T, stat, cgroup, mounts, dev, file string) {
		write(t, root, "proc/7/stat", stat)
		write(t, root, "proc/7/cgroup", cgroup)
		write(t, root, "proc/7/mountinfo", mounts)
		write(t, root, "proc/7/net/dev", dev)
		for _, name := range []string{"cpu.max", "cpu.stat", "memory.max", "memory.current", "memory.stat", "pids.max", "pids.current", "cpu.pressure"} {
			write(t, root, group+name, file)
		}
		u := resource.New(root).Read(noon)
		if _, err := json.Marshal(u); err != nil {
			t.Error(err)
		}
		for _, m := range u.Missing {
			if m.What == "" || m.Why == "" || len(m.Why) > resource.MaxWhy {
				t.Errorf("%+v", m)
			}
		}
	})
}
