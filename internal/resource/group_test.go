package resource_test

import (
	"slices"
	"testing"

	"github.com/hale-go/hale/internal/resource"
)

func TestAround(t *testing.T) {
	tests := []struct {
		name               string
		root, point, group string
		want               []string
	}{
		{"a container with a namespace", "/", "/cg", "/", []string{"/cg"}},
		{"a host", "/", "/cg", "/a/b", []string{"/cg/a/b", "/cg/a", "/cg"}},
		{"a container without a namespace", "/docker/x", "/cg", "/docker/x", []string{"/cg"}},
		{"a group in it", "/docker/x", "/cg", "/docker/x/y", []string{"/cg/y", "/cg"}},
		{"another with a longer name", "/docker/x", "/cg", "/docker/xy", nil},
		{"another", "/docker/x", "/cg", "/", nil},
		{"moved out of the namespace", "/", "/cg", "/../../x", nil},
		{"and so is the mount", "/../..", "/cg", "/../../x/y", []string{"/cg/x/y", "/cg/x", "/cg"}},
		{"the mount is outside, the group inside", "/../..", "/cg", "/x", nil},
		{"mounted at the top", "/", "/", "/a", []string{"/a", "/"}},
	}
	for _, test := range tests {
		if got := resource.Around(test.root, test.point, test.group); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`/a`: "/a", `/a\040b`: "/a b", `\134\011`: "\\\t", `\04`: `\04`, `\999`: `\999`, `\`: `\`, `\777x`: `\777x`,
	} {
		if got := resource.Unescape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
