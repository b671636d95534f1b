package hale_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hale-go/hale"
)

// A page leaves out what it can do without while its switch is on.
func ExampleDegraded() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	page := func(ctx context.Context) error {
		if hale.Degraded(ctx, "recommendations.similar") {
			fmt.Println("the article")
			return nil
		}
		fmt.Println("the article and 20 similar ones")
		return nil
	}
	_ = rt.Do(context.Background(), "GET /article", page)
	if err := rt.Degrade("recommendations", 1, "", time.Hour); err != nil {
		fmt.Println(err)
	}
	_ = rt.Do(context.Background(), "GET /article", page)
	// Output:
	// the article and 20 similar ones
	// the article
}

// A level says how far.
func ExampleDegradedLevel() {
	rt, err := hale.New(hale.WithConfig(hale.Config{Degraded: map[string]int{"search": 2}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	_ = rt.Do(context.Background(), "GET /search", func(ctx context.Context) error {
		results := []int{50, 20, 10}
		fmt.Println(results[min(hale.DegradedLevel(ctx, "search"), 2)], "results")
		return nil
	})
	// Output: 10 results
}

// Parties do not get in each other's way: the highest level counts, and each takes back
// its own.
func ExampleRuntime_Degrade() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	show := func() {
		for _, d := range rt.Degradations() {
			fmt.Print(d.Name, " is at level ", d.Level, ", asked for by")
			for _, h := range d.Holders {
				fmt.Print(" ", h.By)
			}
			fmt.Println()
		}
	}
	for by, level := range map[string]int{"alice": 3, "deploy": 1} {
		if err := rt.Degrade("search", level, by, time.Hour); err != nil {
			fmt.Println(err)
		}
	}
	show()
	if err := rt.RestoreNow("search", "alice"); err != nil {
		fmt.Println(err)
	}
	show()
	err = rt.Restore("search", "bob")
	fmt.Println(err)
	// Output:
	// search is at level 3, asked for by alice deploy
	// search is at level 1, asked for by deploy
	// hale: not degraded: "search" by "bob"
}
