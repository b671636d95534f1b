package systemdtest

import (
	"sync"
	"time"
)

// Load calls ask, as a client would, again and again until the test says that it is enough,
// which returns what failed.
func Load(ask func() error) (enough func() []error) {
	var failed []error
	var group sync.WaitGroup
	stop := make(chan struct{})
	group.Go(func() {
		for {
			if err := ask(); err != nil {
				failed = append(failed, err)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	return func() []error { close(stop); group.Wait(); return failed }
}
