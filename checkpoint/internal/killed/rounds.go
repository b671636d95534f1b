package killed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/checkpoint"
)

// Start starts a child and returns what it says, line by line.
func Start(t testing.TB, path string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childPath+"="+path, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(out)
}

// Said reads the next line, and the number at its end, -1 where there is none.
func Said(r *bufio.Reader) (line string, n int, err error) {
	line, err = r.ReadString('\n')
	if err != nil {
		return "", -1, err // a line that was cut off was not said
	}
	line = strings.TrimSuffix(line, "\n")
	if n, err = strconv.Atoi(strings.TrimPrefix(line, "resumed ")); err != nil {
		n = -1
	}
	return line, n, nil
}

// Rounds starts and kills children at random moments, and demands each time that the state is
// the last one that was said to be saved, or the one in flight, and that nothing is damaged.
// open opens the store for the parent, when no child runs, and closes it.
func Rounds(t *testing.T, rounds int, path string, open func() (checkpoint.Store, func() error, error)) {
	t.Helper()
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	said, inFlight, early := 0, 0, 0
	for round := range rounds {
		cmd, out := Start(t, path)
		// One in four is killed while it starts and resumes, the others while they save.
		acknowledged, resumed := said, false
		if round%4 > 0 {
			line, n, err := Said(out)
			if err != nil || n < said || !strings.HasPrefix(line, "resumed") {
				t.Fatalf("seed %d, round %d: the child said %q, %v, after %d", seed, round, line, err, said)
			}
			acknowledged, resumed = n, true
		}
		wait(rng.Int64N(int64(10 * time.Millisecond)))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for {
			line, n, err := Said(out)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || n < acknowledged {
				t.Fatalf("seed %d, round %d: the child said %q, %v, after %d", seed, round, line, err, acknowledged)
			}
			resumed = true
			acknowledged = n
		}
		_ = cmd.Wait() // killed
		if !resumed {
			early++
		}
		got := look(t, open)
		if got.N < acknowledged || got.N > acknowledged+1 {
			t.Fatalf("seed %d, round %d: the state is %d after %d was acknowledged", seed, round, got.N, acknowledged)
		}
		if got.N > acknowledged {
			inFlight++
		}
		said = got.N
	}
	t.Logf("%d processes killed, %d before they had resumed; %d saves, none lost; the one in flight was there %d times", rounds, early, said, inFlight)
	if said < rounds/4 {
		t.Errorf("only %d saves in %d rounds: hardly any was killed while it saved", said, rounds)
	}
}

// look resumes the state between two children.
func look(t *testing.T, open func() (checkpoint.Store, func() error, error)) State {
	t.Helper()
	s, closer, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := closer(); err != nil {
			t.Error(err)
		}
	}()
	c, err := checkpoint.Resume[State](context.Background(), s, Key)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Aside) > 0 {
		t.Fatalf("damaged: %v", c.Aside[0])
	}
	if c.Found && c.State != stateOf(c.State.N) {
		t.Fatalf("the state is torn: %.200v", c.State)
	}
	return c.State
}

// wait is no sleep that something is waited for with: when it ends is the test's input.
func wait(nanos int64) { <-time.After(time.Duration(nanos)) }

// Many returns how many rounds a test runs: as many as HALE_CHECKPOINT_KILLS says, or few.
func Many(t testing.TB, few int) int {
	t.Helper()
	text := os.Getenv("HALE_CHECKPOINT_KILLS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatal(fmt.Errorf("HALE_CHECKPOINT_KILLS=%q is no number", text))
	}
	return n
}
