package dump_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hale-go/hale/internal/dump"
)

// large is a dump of so many goroutines with eight frames each.
func large(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "goroutine %d [chan receive, %d minutes]:\n", i+1, i%50)
		for f := range 8 {
			fmt.Fprintf(&b, "example.com/shop/internal/orders.(*Consumer).step%d(0xc%09x, {0x%x, 0x3}, 0x2?)\n\t/home/user/src/example.com/shop/internal/orders/consumer.go:%d +0x1d\n", f+i%3, i*64, i, 10*f+i%7)
		}
		fmt.Fprintf(&b, "created by example.com/shop/internal/orders.(*Consumer).Start in goroutine %d\n\t/home/user/src/example.com/shop/internal/orders/start.go:%d +0x25\n\n", i/2+1, i%9)
	}
	return b.String()
}

func BenchmarkGoroutines(b *testing.B) {
	text := large(1000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range dump.Goroutines(strings.NewReader(text)) {
			if n++; err != nil {
				b.Fatal(err)
			}
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}

// What a service logs costs next to nothing.
func BenchmarkOtherOutput(b *testing.B) {
	const line = `{"time":"2026-11-26T22:00:00.123Z","level":"INFO","msg":"request served","route":"GET /orders/{id}","status":200,"took":"3.2ms"}` + "\n"
	text := []byte(strings.Repeat(line, 100))
	p := dump.Parser{Crash: func(*dump.Crash) { b.Error("a crash") }}
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n%100 == 0 {
			_, _ = p.Write(text)
		}
	}
}
