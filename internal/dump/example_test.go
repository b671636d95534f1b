package dump_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/hale-go/hale/internal/dump"
)

const output = `2026/11/26 22:00:00 GET /orders 200
panic: no such order [recovered]
	panic: rollback: connection refused

goroutine 42 [running]:
main.(*Store).rollback(0xc000012345)
	/app/store.go:31 +0x1d
panic({0x4f2a40?, 0x55e1f0?})
	/go/src/runtime/panic.go:787 +0x132
2026/11/26 22:00:00 GET /orders 200
main.(*Cart).add(0xc000012345, {0xc0000a, 0x3})
	/app/cart.go:12 +0x1d
created by main.serve in goroutine 1
	/app/main.go:9 +0x25

goroutine 1 [chan receive, 5 minutes] {task: "orders.consume#42"}:
main.main()
	/app/main.go:12 +0x1d
exit status 2
`

func ExampleParser() {
	p := dump.Parser{Crash: func(c *dump.Crash) {
		g := c.Goroutines[0]
		origin := g.Frames[len(g.Frames)-1]
		fmt.Printf("%s: %s, then %s\n", c.Kind, c.Message, c.Nested)
		fmt.Printf("goroutine %d in %s at %s:%d, of %d\n", g.ID, origin.Func, origin.File, origin.Line, len(c.Goroutines))
	}}
	_, _ = io.Copy(&p, strings.NewReader(output)) // the process's standard error
	p.Flush()
	// Output:
	// panic: no such order, then [rollback: connection refused]
	// goroutine 42 in main.(*Cart).add at /app/cart.go:12, of 2
}

func ExampleGoroutines() {
	for g, err := range dump.Goroutines(strings.NewReader(output)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(g.ID, g.State, g.Wait, g.Labels, len(g.Frames))
	}
	// Output:
	// 42 running 0s [] 3
	// 1 chan receive 5m0s [{task orders.consume#42}] 1
}
