package main_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	quickstart "github.com/hale-go/hale/examples/quickstart"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The service does what the README says of it.
func TestQuickstart(t *testing.T) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- quickstart.Run(ctx, l) }()
	t.Cleanup(func() { hale.SetDefault(nil) })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	status := func(id int) int {
		t.Helper()
		res, err := client.Get(fmt.Sprintf("http://%s/orders/%d", l.Addr(), id))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if got := status(7); got != http.StatusOK {
		t.Errorf("an order: %d", got)
	}
	if got := status(0); got != http.StatusInternalServerError {
		t.Errorf("an order that panics: %d", got)
	}
	for deadline := time.Now().Add(20 * time.Second); status(0) != http.StatusServiceUnavailable; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the route that panics was not cut off")
		}
	}
	if got := status(7); got != http.StatusServiceUnavailable {
		t.Errorf("an order on the route that was cut off: %d", got)
	}
	if all := hale.Default().Incidents(); len(all) != 1 || all[0].Fault != diagnose.PanicLoop {
		t.Errorf("incidents: %+v", all)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// The code in the README is that of this folder: it compiles, and it is tested.
func TestReadmeHoldsThisCode(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, name := range []string{"main.go", "snippets_test.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, flat(string(b)))
	}
	blocks := strings.Split(string(readme), "```go\n")[1:]
	if len(blocks) < 5 {
		t.Errorf("%d blocks of Go in the README", len(blocks))
	}
	for _, b := range blocks {
		b, _, _ = strings.Cut(b, "```")
		if !strings.Contains(sources[0], flat(b)) && !strings.Contains(sources[1], flat(b)) {
			t.Errorf("this is in the README and neither in main.go nor in snippets_test.go:\n%s", b)
		}
	}
}

// flat is text without its indentation.
func flat(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}
