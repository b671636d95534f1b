package run

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// LaunchCommand is the argument by which this program becomes a service.
const LaunchCommand = "__launch"

// Launch becomes the command, in this process: systemd's protocols tell a service its own
// PID, which nobody knows before. It returns only when that fails, with the exit code that
// shells give: 127 for what is not there, 126 for what cannot be run.
func Launch(command []string) (code int, err error) {
	if len(command) == 0 {
		return 127, fmt.Errorf("%w: there is no command", ErrConfig)
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return 127, err
	}
	env := os.Environ()
	for _, v := range [][2]string{{"LISTEN_FDS", "LISTEN_PID"}, {"WATCHDOG_USEC", "WATCHDOG_PID"}} {
		if os.Getenv(v[0]) != "" {
			env = append(env, v[1]+"="+strconv.Itoa(os.Getpid()))
		}
	}
	err = syscall.Exec(path, command, env)
	return 126, fmt.Errorf("%s: %w", path, err)
}

// told are the variables by which a parent tells one process something, and none that this
// one starts.
var told = []string{"LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "LISTEN_PIDFDID", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "MAINPID"}

// environ returns this process's environment without those.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(told, name)
	})
}
