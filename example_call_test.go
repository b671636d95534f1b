package hale_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/isolate"
)

func ExampleCall() {
	rt, err := hale.New(
		hale.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
		hale.WithConfig(hale.Config{Domains: map[string]hale.DomainConfig{
			"payments": {
				Bulkhead: &isolate.BulkheadConfig{Limit: 20},
				Breaker:  &isolate.BreakerConfig{Failures: 2, Of: 2},
			},
		}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	hale.SetDefault(rt)
	defer hale.SetDefault(nil)

	ctx := context.Background()
	quote := func(context.Context) (float64, error) { return 0, errors.New("the payments service is down") }
	listed := hale.Fallback(func(_ context.Context, err error) (float64, error) {
		fmt.Println("the listed price, because", err)
		return 9.99, nil
	})
	for range 3 {
		price, err := hale.Call(ctx, "payments.quote", quote, listed)
		fmt.Println(price, err)
	}
	// Output:
	// the listed price, because the payments service is down
	// 9.99 <nil>
	// the listed price, because the payments service is down
	// 9.99 <nil>
	// the listed price, because payments.quote: hale: breaker is open
	// 9.99 <nil>
}

func ExampleWithCriticality() {
	rt, err := hale.New(hale.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	hale.SetDefault(rt)
	defer hale.SetDefault(nil)

	// What an incident does when the domain is full: what is not critical is turned away.
	if err := rt.Degrade(heal.ShedSwitch+"shop", 2, "", 0); err != nil {
		fmt.Println(err)
		return
	}
	page := func(context.Context) (string, error) { return "page", nil }
	for _, c := range []hale.Criticality{hale.Sheddable, hale.CriticalPlus} {
		got, err := hale.Call(hale.WithCriticality(context.Background(), c), "shop.page", page)
		fmt.Printf("%s: %q %v\n", c, got, err)
	}
	// Output:
	// sheddable: "" shop: hale: shed
	// critical_plus: "page" <nil>
}
