package goroutine

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// hostFS is where control groups are looked for. On systems without them the
// files are missing, and there is no limit.
var hostFS fs.FS = os.DirFS("/")

// unlimited is from where on a version 1 limit means none: it writes the
// largest multiple of the page size.
const unlimited = 1 << 60

// cgroupFiles are the names of one version's files.
type cgroupFiles struct{ mount, limit, usage, inactive string }

var (
	cgroup1 = cgroupFiles{"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	cgroup2 = cgroupFiles{"sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"}
)

// cgroupLeft returns how many bytes the process may still take before its
// control group, or one around it, is at its limit. Page cache that the kernel
// gives up without harm counts as left. ok is false where there is no limit.
//
// It reads some small files, about 20 µs each.
func cgroupLeft(host fs.FS) (left uint64, ok bool) {
	self, err := fs.ReadFile(host, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(self)) {
		// hierarchy:controllers:path
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, found := strings.Cut(rest, ":")
		if !found {
			continue
		}
		files := cgroup1
		if controllers == "" {
			files = cgroup2
		} else if !strings.Contains(","+controllers+",", ",memory,") {
			continue
		}
		// In a container the path may be that of the host, whose folders are
		// not there: then only the mount itself answers.
		for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
			if l, limited := files.left(host, path.Join(files.mount, dir)); limited && (!ok || l < left) {
				left, ok = l, true
			}
			if dir == "/" {
				break
			}
		}
	}
	return left, ok
}

func (f cgroupFiles) left(host fs.FS, dir string) (uint64, bool) {
	limit, ok := readNumber(host, path.Join(dir, f.limit))
	if !ok || limit >= unlimited {
		return 0, false
	}
	used, ok := readNumber(host, path.Join(dir, f.usage))
	if !ok {
		return 0, false
	}
	used -= min(used, f.cache(host, dir))
	return limit - min(limit, used), true
}

func (f cgroupFiles) cache(host fs.FS, dir string) uint64 {
	stat, err := fs.ReadFile(host, path.Join(dir, "memory.stat"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(stat)) {
		if rest, ok := strings.CutPrefix(line, f.inactive+" "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
			return n
		}
	}
	return 0
}

// readNumber reads a file that holds one number; "max" is not one.
func readNumber(host fs.FS, name string) (uint64, bool) {
	b, err := fs.ReadFile(host, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}
