package health_test

import (
	"context"
	"fmt"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/health"
)

func Example() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	probes, err := health.New(rt, health.Config{Degraded: map[string]int{"orders": 2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(probes.Ready(context.Background()))
	probes.Started()
	fmt.Println(probes.Ready(context.Background()))
	// Output:
	// started: it has not started yet
	// <nil>
}
