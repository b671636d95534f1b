package systemdtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// newGroup makes a control group (version 2) below this process's own.
func newGroup() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	at := ""
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			at = f[1]
			break
		}
	}
	if at == "" {
		return "", errors.New("control groups of version 2 are not mounted")
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(own)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			all := filepath.Join(at, path, "hale-systemd-")
			removeStale(all)
			return os.MkdirTemp(filepath.Dir(all), filepath.Base(all)+strconv.Itoa(os.Getpid())+"-")
		}
	}
	return "", fmt.Errorf("this process is in no control group of version 2: %.200s", own)
}

// removeStale removes the groups of tests that were killed.
func removeStale(prefix string) {
	found, _ := filepath.Glob(prefix + "*") // the pattern is a good one
	for _, path := range found {
		pid, _, _ := strings.Cut(strings.TrimPrefix(path, prefix), "-")
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, fs.ErrNotExist) {
			_ = removeGroup(path) // or not, where somebody is in it
		}
	}
}

// removeGroup removes a control group and those below it, whose processes have ended.
func removeGroup(path string) error {
	var all []string
	_ = filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error { // what cannot be read cannot be removed
		if err == nil && e.IsDir() {
			all = append(all, at)
		}
		return nil
	})
	var errs []error
	for _, at := range slices.Backward(all) {
		errs = append(errs, os.Remove(at))
	}
	return errors.Join(errs...)
}
