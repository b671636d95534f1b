package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// childEnv tells the program to be the child of a contest, which measures in a
// process of its own: one that holds a million goroutines, or none.
const childEnv = "HALE_BENCH_CHILD"

// children are what a child can be. Each gets the words of the parent, measures,
// and returns its figures.
var children = map[string]func(words []string) (map[string]float64, error){
	"parked":   parkedChild,
	"snapshot": snapshotChild,
	"idle":     idleChild,
	"adaptive": adaptiveChild,
}

// child runs what the environment asks for and prints the figures to w. It
// returns false where nothing is asked for.
func child(w io.Writer) bool {
	words := strings.Split(os.Getenv(childEnv), " ")
	run, ok := children[words[0]]
	if !ok {
		return false
	}
	values, err := run(words[1:])
	if err == nil {
		err = json.NewEncoder(w).Encode(values)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	return true
}

// childLimit is for a machine that does much else.
const childLimit = 5 * time.Minute

// measureInChild starts a child and returns its figures.
func measureInChild(words ...any) (reading, error) {
	self, err := os.Executable()
	if err != nil {
		return reading{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), childLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childEnv+"="+strings.TrimSuffix(fmt.Sprintln(words...), "\n"))
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return reading{}, fmt.Errorf("child %v: %w: %s", words, err, exit.Stderr)
		}
		return reading{}, fmt.Errorf("child %v: %w", words, err)
	}
	var m reading
	return m, json.Unmarshal(out, &m.values)
}
