package goroutine_test

import (
	"testing"
	"testing/fstest"

	"github.com/hale-go/hale/internal/goroutine"
)

func TestCgroupLeft(t *testing.T) {
	const v1, v2 = "sys/fs/cgroup/memory/", "sys/fs/cgroup/"
	tests := []struct {
		name  string
		files map[string]string
		left  uint64
		ok    bool
	}{
		{"none", nil, 0, false},
		{"v2 of a container", map[string]string{
			"proc/self/cgroup": "0::/\n", v2 + "memory.max": "1000\n", v2 + "memory.current": "600\n",
			v2 + "memory.stat": "anon 1\ninactive_file 100\n",
		}, 500, true},
		{"v2 without limit", map[string]string{
			"proc/self/cgroup": "0::/\n", v2 + "memory.max": "max\n", v2 + "memory.current": "600\n",
		}, 0, false},
		{"v2 limited above", map[string]string{
			"proc/self/cgroup": "0::/a/b\n", v2 + "a/b/memory.max": "max\n", v2 + "a/b/memory.current": "5\n",
			v2 + "a/memory.max": "1000\n", v2 + "a/memory.current": "900\n",
		}, 100, true},
		{"v2 passed", map[string]string{
			"proc/self/cgroup": "0::/\n", v2 + "memory.max": "1000\n", v2 + "memory.current": "1001\n",
		}, 0, true},
		{"v1", map[string]string{
			"proc/self/cgroup":             "3:cpu,cpuacct:/x\n2:memory:/x\n0::/y\n",
			v1 + "x/memory.limit_in_bytes": "1000\n", v1 + "x/memory.usage_in_bytes": "600\n",
			v1 + "x/memory.stat": "inactive_file 1\ntotal_inactive_file 200\n",
		}, 600, true},
		{"v1 of a host's path", map[string]string{
			"proc/self/cgroup": "2:memory:/docker/x\n", v1 + "memory.limit_in_bytes": "1000\n",
			v1 + "memory.usage_in_bytes": "600\n",
		}, 400, true},
		{"v1 without limit", map[string]string{
			"proc/self/cgroup": "2:memory:/\n", v1 + "memory.limit_in_bytes": "9223372036854771712\n",
			v1 + "memory.usage_in_bytes": "600\n",
		}, 0, false},
		{"garbage", map[string]string{"proc/self/cgroup": "\n::\nx\n0::../../..\n", v2 + "memory.max": "-1"}, 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := fstest.MapFS{}
			for name, text := range test.files {
				host[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if left, ok := goroutine.CgroupLeft(host); left != test.left || ok != test.ok {
				t.Errorf("got %d, %v; want %d, %v", left, ok, test.left, test.ok)
			}
		})
	}
}
