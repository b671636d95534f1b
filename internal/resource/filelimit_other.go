//go:build !unix

package resource

import "errors"

// fileLimit reports that this system does not limit open files in that way.
func fileLimit() (uint64, error) {
	return 0, errors.New("no RLIMIT_NOFILE on this system")
}
