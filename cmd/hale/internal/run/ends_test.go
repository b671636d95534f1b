package run_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"syscall"
)

// ends ends this process in one of many ways.
func ends(how string) {
	switch how {
	case "map":
		m := map[int]int{}
		for range 4 {
			go func() {
				for i := 0; ; i++ {
					m[i%8]++
				}
			}()
		}
		select {}
	case "stack":
		debug.SetMaxStack(1 << 20)
		fmt.Println(deeper(1))
	case "nil":
		var p *struct{ n int }
		fmt.Println(p.n)
	case "files":
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 12, Max: 12})
		for {
			if _, err := os.Open(os.Args[0]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	case "survived":
		func() {
			defer func() {
				fmt.Fprintf(os.Stderr, "panic: %v\n\n%s", recover(), debug.Stack())
			}()
			panic("contained")
		}()
		os.Exit(3)
	case "fake": // it logs what a crash begins with, and exits as package flag does
		fmt.Fprintln(os.Stderr, "panic: all is well\n\nflag provided but not defined: -x")
		os.Exit(2)
	case "logged": // somebody has logged a crash, and it went on for long
		fmt.Fprint(os.Stderr, "panic: once\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:7 +0x1d\n\n")
		for range 100 {
			fmt.Fprintln(os.Stderr, "an order was taken")
		}
		os.Exit(2)
	case "noise":
		b := make([]byte, 1<<16)
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		_, _ = os.Stderr.Write(b)
		_, _ = os.Stderr.WriteString("\ngoroutine 7 [runn\nthe end\n")
		os.Exit(4)
	}
}

func deeper(n int) int {
	if n < 0 {
		return n
	}
	return deeper(n+1) + n
}
