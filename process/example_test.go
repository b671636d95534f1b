//go:build unix

package process_test

import (
	"fmt"
	"os"

	"github.com/hale-go/hale/process"
)

func Example() {
	_ = os.Unsetenv("NOTIFY_SOCKET")                      // as where nobody has started it who wants to be told
	listener, err := process.Listen("tcp", "127.0.0.1:0") // the parent's socket, where it has one
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	fmt.Println("ready:", process.Ready())
	fmt.Println("handover:", process.Handover("too many lost goroutines"))
	// Output:
	// ready: <nil>
	// handover: hale: process: there is no parent that can do it
}
