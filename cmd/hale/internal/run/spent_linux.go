package run

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// maxThreads is how many threads of a process are looked at.
const maxThreads = 512

// spentBy reads /proc/PID/task/*/schedstat: nanoseconds run, nanoseconds waited for a
// processor, and turns; and the threads' states.
func spentBy(pid int) (out spent) {
	folder := "/proc/" + strconv.Itoa(pid) + "/task"
	dir, err := os.Open(folder)
	if err != nil {
		return out
	}
	defer dir.Close() // it was read
	threads, _ := dir.Readdirnames(maxThreads)
	for _, t := range threads {
		data, err := os.ReadFile(folder + "/" + t + "/schedstat")
		if err != nil {
			continue // it has ended
		}
		fields := bytes.Fields(data)
		if len(fields) < 3 {
			continue
		}
		ran, _ := strconv.ParseInt(string(fields[0]), 10, 64)
		waited, _ := strconv.ParseInt(string(fields[1]), 10, 64)
		out.ran += time.Duration(ran)
		turns, _ := strconv.ParseInt(string(fields[2]), 10, 64)
		out.waited += time.Duration(waited)
		out.turns += turns
		out.wants = out.wants || runnable(folder+"/"+t+"/stat")
	}
	return out
}

// runnable reports whether a thread runs or wants to.
func runnable(stat string) bool {
	data, err := os.ReadFile(stat)
	if err != nil {
		return false
	}
	end := bytes.LastIndexByte(data, ')') // of the name, which may have anything in it
	return end > 0 && end+2 < len(data) && data[end+2] == 'R'
}
