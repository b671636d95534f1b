package serverless_test

import (
	"context"
	"fmt"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/examples/serverless"
)

func ExampleFunction_Handle() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	f := serverless.New(rt, func(ctx context.Context, image string) error {
		fmt.Println("rendering", image, "for", hale.RequestID(ctx))
		return nil
	})
	// The platform calls Handle whenever there is an event.
	if err := f.Handle(context.Background(), serverless.Event{ID: "r1", Images: []string{"cat.png"}}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(len(rt.Incidents()), "incidents")
	// Output:
	// rendering cat.png for r1
	// 0 incidents
}
