package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hale-go/hale/process"
)

func init() { children["unit"] = unit }

// unit is a service that does on each connection what it is told and says its PID, until
// SIGTERM, and for DRAIN after that.
func unit() int {
	failed := func(err error) int { fmt.Println(err); return 1 }
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := process.Listen(os.Getenv("NETWORK"), os.Getenv("ADDRESS"))
	if err != nil {
		return failed(err)
	}
	var hangs atomic.Bool
	watched := make(chan error, 1)
	go func() {
		watched <- process.Watch(ctx, func(context.Context) error {
			if hangs.Load() {
				select {}
			}
			return nil
		})
	}()
	open := func() bool { _, err := os.Stat(os.Getenv("GATE")); return err == nil }
	for os.Getenv("GATE") != "" && !open() {
		time.Sleep(10 * time.Millisecond)
	}
	if err := errors.Join(process.Status("serves "+l.Addr().String()), process.Ready()); err != nil {
		return failed(err)
	}
	context.AfterFunc(ctx, func() {
		drain, _ := time.ParseDuration(os.Getenv("DRAIN")) // or none
		time.AfterFunc(drain, func() { _ = l.Close() })
	})
	var under sync.WaitGroup
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		under.Go(func() { answer(c, &hangs) })
	}
	under.Wait()
	if err := <-watched; err != nil {
		return failed(err)
	}
	fmt.Println("drained")
	return 0
}

func answer(c net.Conn, hangs *atomic.Bool) {
	defer c.Close() // it is answered
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return
	}
	switch strings.TrimSpace(line) {
	case "hang":
		hangs.Store(true)
	case "crash":
		go panic("an order without a customer")
		select {} // what is open is closed by the end of the process, and not before
	case "handover":
		fmt.Fprint(c, process.Handover("a test"), " ")
	case "leave":
		fmt.Fprint(c, process.HandoverOrExit("a test"), " ")
	}
	fmt.Fprintln(c, os.Getpid())
}

// told tells such a service something, and returns what that says.
func told(network, address, what string) (string, error) {
	c, err := net.DialTimeout(network, address, time.Minute)
	if err != nil {
		return "", err
	}
	defer c.Close() // it was read
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := fmt.Fprintln(c, what); err != nil {
		return "", err
	}
	said, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(said), err
}
