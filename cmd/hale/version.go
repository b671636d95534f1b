package main

import (
	"cmp"
	"runtime/debug"
	"strings"
)

// version says what this program was built from: the version of its module, and the revision
// where it was built in a checkout.
func version(info *debug.BuildInfo) string {
	if info == nil { // it was built without modules
		return "unknown"
	}
	of := map[string]string{}
	for _, s := range info.Settings {
		of[s.Key] = s.Value
	}
	var from []string
	if revision := of["vcs.revision"]; revision != "" {
		from = append(from, "revision "+revision)
		if at := of["vcs.time"]; at != "" {
			from = append(from, "of "+at)
		}
	}
	if of["vcs.modified"] == "true" {
		from = append(from, "with changes")
	}
	return cmp.Or(info.Main.Version, "(devel)") + " (" + strings.Join(append(from, info.GoVersion), ", ") + ")"
}
