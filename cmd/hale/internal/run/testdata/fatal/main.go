// Command fatal ends by an error of Go's runtime: of a deadlock, or for want of memory.
package main

import (
	"fmt"
	"os"
	"syscall"
)

func main() {
	switch os.Args[1] {
	case "deadlock":
		<-make(chan int)
	case "memory":
		_ = syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: 1 << 30, Max: 1 << 30})
		var held [][]byte
		for {
			held = append(held, make([]byte, 1<<28))
			fmt.Print(held[0][0:0])
		}
	}
}
