package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"sync"

	"github.com/hale-go/hale/internal/goroutine"
)

// parking is a child that holds goroutines and looks at them when asked.
type parking struct {
	cmd *exec.Cmd
	in  interface{ Close() error }
	out *bufio.Scanner
	ask func(name string) (reading, error)
}

// startParking starts a child with n goroutines whose stacks have so many frames
// of its own. Each line that it reads is the name of a contestant, each that it
// writes a reading.
func startParking(n, depth int) (*parking, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &parking{cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=snapshot %d %d", childEnv, n, depth))
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewScanner(out)
	p.ask = func(name string) (m reading, err error) {
		if _, err := fmt.Fprintln(in, name); err != nil {
			return m, err
		}
		if !p.out.Scan() {
			return m, fmt.Errorf("the child with the goroutines ended: %w", p.out.Err())
		}
		err = json.Unmarshal(p.out.Bytes(), &m.values)
		m.nanos, m.cpu = m.values["nanos"], m.values["cpu"]
		return m, err
	}
	return p, nil
}

// stop ends the child.
func (p *parking) stop() {
	_ = p.in.Close()
	_ = p.cmd.Process.Kill() // a million goroutines need not be woken first
	_ = p.cmd.Wait()
}

// parkedLabels is how many label sets the goroutines share: the names of a
// service and their epochs.
const parkedLabels = 100

// snapshotChild parks and looks. words are the number of goroutines and of their
// frames.
func snapshotChild(words []string) (map[string]float64, error) {
	n, err := strconv.Atoi(words[0])
	if err != nil {
		return nil, err
	}
	depth, err := strconv.Atoi(words[1])
	if err != nil {
		return nil, err
	}
	park(n, depth)
	look := lookers()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		debug.FreeOSMemory() // what the others left is nobody's to clean up
		one, ok := look[lines.Text()]
		if !ok {
			return nil, fmt.Errorf("no contestant %q", lines.Text())
		}
		values, err := one()
		if err != nil {
			return nil, err
		}
		if err := json.NewEncoder(os.Stdout).Encode(values); err != nil {
			return nil, err
		}
	}
	return nil, lines.Err()
}

// park starts n goroutines that stay, with labels as hale sets them.
func park(n, depth int) {
	labels := make([]context.Context, parkedLabels)
	for i := range labels {
		labels[i] = pprof.WithLabels(context.Background(), pprof.Labels(
			goroutine.LabelName, fmt.Sprint("orders.consume", i%20), goroutine.LabelDomain, "orders",
			goroutine.LabelCell, fmt.Sprint("1.1.", i)))
	}
	var ready sync.WaitGroup
	ready.Add(n)
	never := make(chan struct{})
	for i := range n {
		pprof.SetGoroutineLabels(labels[i%len(labels)]) // inherited
		go parkDeep(depth, &ready, never)
	}
	pprof.SetGoroutineLabels(context.Background())
	ready.Wait()
	for range 10 {
		runtime.Gosched() // the last ones have to reach the channel
	}
}

//go:noinline
func parkDeep(depth int, ready *sync.WaitGroup, c chan struct{}) {
	if depth > 1 {
		parkDeep(depth-1, ready, c)
		return
	}
	ready.Done()
	<-c
}
