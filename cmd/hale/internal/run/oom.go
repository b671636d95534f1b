package run

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// hostFS is where the kernel's files are looked for; beyond Linux they are missing.
var hostFS fs.FS = os.DirFS("/")

// oomKills is how many processes of this one's control group, of version 2, and of those below
// it the kernel has killed for want of memory, and whether it tells at all. A service is in the
// same one, unless it has moved.
func oomKills() (n int, known bool) {
	group, ok := field("proc/self/cgroup", "0::")
	if !ok {
		return 0, false
	}
	count, ok := field(path.Join("sys/fs/cgroup", path.Clean("/"+group), "memory.events"), "oom_kill ")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(count)
	return n, err == nil
}

// field returns what follows a word at the begin of a line.
func field(file, word string) (value string, ok bool) {
	data, err := fs.ReadFile(hostFS, file)
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(data)) {
		if value, ok = strings.CutPrefix(strings.TrimSpace(line), word); ok {
			return value, true
		}
	}
	return "", false
}
