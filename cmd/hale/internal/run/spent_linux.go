package run

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// maxThreads is how many threads of a process are looked at.
const maxThreads = 512

// spentBy reads /proc/PID/task/*/schedstat: nanoseconds run, and waited for a processor.
func spentBy(pid int) (out spent) {
	folder := "/proc/" + strconv.Itoa(pid) + "/task"
	dir, err := os.Open(folder)
	if err != nil {
		return out
	}
	defer dir.Close() //nolint:errcheck // it was read
	threads, _ := dir.Readdirnames(maxThreads)
	for _, t := range threads {
		data, err := os.ReadFile(folder + "/" + t + "/schedstat")
		if err != nil {
			continue // it has ended
		}
		fields := bytes.Fields(data)
		if len(fields) < 2 {
			continue
		}
		ran, _ := strconv.ParseInt(string(fields[0]), 10, 64)
		waited, _ := strconv.ParseInt(string(fields[1]), 10, 64)
		out.ran += time.Duration(ran)
		out.waited += time.Duration(waited)
	}
	return out
}
