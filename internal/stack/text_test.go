package stack_test

import (
	"runtime/debug"
	"strings"
	"testing"

	"github.com/hale-go/hale/internal/stack"
)

const dump = `panic: boom

goroutine 18 [running]:
runtime/debug.Stack()
	/go/src/runtime/debug/stack.go:26 +0x5e
main.handle.func1()
	/app/main.go:40 +0x3a
panic({0x4f2a40?, 0x55e1f0?})
	/go/src/runtime/panic.go:787 +0x132
main.(*Cart).add(0xc000012345, {0xc0000a, 0x3})
	/app/cart.go:12 +0x1d
main.handle(...)
	/app/main.go:44
created by main.serve in goroutine 1
	/app/main.go:9 +0x25
`

func TestFingerprintText(t *testing.T) {
	want, ok := stack.FingerprintText(dump)
	if !ok || len(want) != 16 {
		t.Fatalf("%q, %v", want, ok)
	}
	same := strings.NewReplacer("18", "7", "0xc000012345", "0xc000099999", "cart.go:12", "cart.go:99", "/app", "/build", "+0x1d", "+0x2d", "serve", "run", "[running]", "[chan receive, 2 minutes]").Replace(dump)
	for name, text := range map[string]string{
		"another run": same, "within a message": "recovered: x\r\n" + dump, "carriage returns": strings.ReplaceAll(dump, "\n", "\r\n"),
		"another goroutine after it": dump + "\ngoroutine 1 [select]:\nmain.main()\n\t/app/main.go:1\n",
		"newer header":               strings.Replace(dump, "goroutine 18 [", "goroutine 18 gp=0xc000 m=4 mp=0xc00 [", 1),
		"labels of Go 1.26":          strings.Replace(dump, "[running]:", "[running labels:{\"task\": \"a#1\"}]:", 1),
		"labels of Go 1.27":          strings.Replace(dump, "[running]:", "[running] {task: \"a#1\", long: \""+strings.Repeat("x", 1000)+"\"}:", 1),
		"prose between":              strings.Replace(dump, "main.handle(...)", "GET /orders (3ms)\nmain.handle(...)", 1),
	} {
		if got, ok := stack.FingerprintText(text); got != want || !ok {
			t.Errorf("%s: %q, %v, want %q", name, got, ok, want)
		}
	}
	if got, _ := stack.FingerprintText(strings.Replace(dump, "(*Cart).add", "(*Cart).drop", 1)); got == want {
		t.Error("another function has the same fingerprint")
	}
	for _, text := range []string{"", "no stack", "goroutine", "goroutine x [running]:", "goroutine 7 [running] {}", "goroutine 7 is stuck", "the goroutine 7 [running]", strings.Repeat("goroutine ", 1<<16)} {
		if got, ok := stack.FingerprintText(text); ok {
			t.Errorf("%.40q: %q", text, got)
		}
	}
	if _, ok := stack.FingerprintText(string(debug.Stack())); !ok {
		t.Error("debug.Stack is none")
	}
}

// Any text has a fingerprint or none, and lines that are cut off do no harm.
func FuzzFingerprintText(f *testing.F) {
	f.Add(dump)
	f.Add("goroutine 1 [running]:")
	f.Add("goroutine 1 [running]:\n(\n)\n\x00()\ncreated by ")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := stack.FingerprintText(text)
		if ok != (len(got) == 16) {
			t.Errorf("%q, %v", got, ok)
		}
		if again, _ := stack.FingerprintText(text); again != got {
			t.Errorf("%q, then %q", got, again)
		}
	})
}
