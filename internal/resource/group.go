package resource

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// tree is the part of a hierarchy of control groups that bears on the process:
// the folders of its group and of those around it that can be seen, the innermost
// first. Folders need not be there.
type tree struct {
	dirs    []string
	unified bool // version 2
}

// maxDepth bounds how many folders are looked at, from the innermost.
const maxDepth = 32

// hierarchy is one that a mount shows.
type hierarchy struct {
	root, point string // which folder of the hierarchy is mounted where
	unified     bool
	controllers map[string]string // version 1; a set
}

var (
	errNoGroup = errors.New("the process is in no control group for it")
	errNoMount = errors.New("the control group's folder is not mounted")
	errOutside = errors.New("the control group is outside of what is mounted")
)

// hierarchies returns those among the mounts. Later ones hide earlier ones at the
// same place, so they come first.
func hierarchies(mounts []*procfs.MountInfo) (out []hierarchy) {
	for _, m := range slices.Backward(mounts) {
		if m.FSType != "cgroup" && m.FSType != "cgroup2" {
			continue
		}
		out = append(out, hierarchy{
			root: unescape(m.Root), point: unescape(m.MountPoint),
			unified: m.FSType == "cgroup2", controllers: m.SuperOptions,
		})
	}
	return out
}

// unescape undoes what mountinfo does to spaces and the like: \040.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// find returns the tree for a controller. Where version 1 has the controller,
// version 2 cannot have it. "" asks for version 2.
func find(controller string, groups []procfs.Cgroup, mounts []hierarchy) (tree, error) {
	i := -1
	for k, g := range groups {
		if controller != "" && slices.Contains(g.Controllers, controller) {
			i = k
			break
		}
		if g.HierarchyID == 0 && len(g.Controllers) == 0 {
			i = k
		}
	}
	if i < 0 {
		return tree{}, errNoGroup
	}
	unified := len(groups[i].Controllers) == 0
	why := errNoMount
	for _, m := range mounts {
		if _, has := m.controllers[controller]; m.unified != unified || !unified && !has {
			continue
		}
		if dirs := m.around(groups[i].Path); dirs != nil {
			return tree{dirs: dirs, unified: unified}, nil
		}
		why = errOutside
	}
	return tree{}, why
}

// around returns the folders of a group and of those around it, as far as the
// mount shows them. Paths are as the process's cgroup namespace has them: those
// that begin with "/.." lie outside of it, and a mount's root may, too.
func (h hierarchy) around(group string) []string {
	rest, ok := strings.CutPrefix(group, strings.TrimSuffix(h.root, "/"))
	if !ok || rest != "" && rest[0] != '/' {
		return nil
	}
	parts := strings.FieldsFunc(rest, func(r rune) bool { return r == '/' })
	if slices.Contains(parts, "..") {
		return nil
	}
	var dirs []string
	for n := len(parts); n >= 0 && len(dirs) < maxDepth; n-- {
		dirs = append(dirs, path.Join(h.point, path.Join(parts[:n]...)))
	}
	return dirs
}
