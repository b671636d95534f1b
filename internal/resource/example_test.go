package resource_test

import (
	"fmt"
	"time"

	"github.com/hale-go/hale/internal/resource"
)

func ExampleReader() {
	r := resource.New("")
	u := r.Read(time.Now())
	if u.Files == nil {
		_ = u.Missing // says why: on systems without /proc, and where they are hidden
	}
	fmt.Println(u.Processors > 0)
	// Output: true
}
