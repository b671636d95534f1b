package main_test

import (
	"runtime/debug"
	"testing"

	hale "github.com/hale-go/hale/cmd/hale"
)

// What is known of a build is said.
func TestVersion(t *testing.T) {
	vcs := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "0a1b2c"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"}}
	for want, info := range map[string]*debug.BuildInfo{
		"unknown":            nil,
		"(devel) (go1.26.1)": {GoVersion: "go1.26.1"},
		"v1.2.3 (go1.26.1)":  {GoVersion: "go1.26.1", Main: debug.Module{Version: "v1.2.3"}},
		"v1.2.4-0 (revision 0a1b2c, of 2026-01-02T03:04:05Z, with changes, go1.26.1)": {GoVersion: "go1.26.1", Main: debug.Module{Version: "v1.2.4-0"}, Settings: vcs},
		"v1.2.4-0 (revision 0a1b2c, go1.26.1)":                                        {GoVersion: "go1.26.1", Main: debug.Module{Version: "v1.2.4-0"}, Settings: vcs[:2]},
	} {
		if got := hale.Version(info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
