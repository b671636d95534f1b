package config_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/config"
)

// What a file says, and what is told of one that cannot be used.
func Example() {
	cfg, err := config.Load("testdata/hale.yaml")
	if err != nil {
		fmt.Println(err, hale.Hint(err))
		return
	}
	fmt.Println("act:", cfg.Policy.Act)
	fmt.Println("payments:", cfg.Domains["payments"].Timeout)

	_, err = config.Decode("hale.yaml", []byte("domains:\n  payments:\n    timeout: 5\n"))
	fmt.Println(err)
	fmt.Println(hale.Hint(err))
	// Output:
	// act: contain
	// payments: 2s
	// hale.yaml:3:14: domains.payments.timeout: 5 has no unit
	// write 5s
}

// A runtime follows its file.
func ExampleWatch() {
	dir, err := os.MkdirTemp("", "hale")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "hale.yaml")
	if err := os.WriteFile(path, []byte("policy: {act: contain}\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	apply := func(c hale.Config) error {
		defer cancel() // this example has seen enough
		return rt.Reconfigure(c)
	}
	if err := config.Watch(ctx, path, apply, config.Every(10*time.Millisecond), config.OnHangup()); err != nil {
		fmt.Println(err)
	}
	fmt.Println("act:", rt.Status().Act)
	// Output:
	// act: contain
}
