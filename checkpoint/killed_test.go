package checkpoint_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/checkpoint/internal/killed"
)

func TestKilled(t *testing.T) {
	path := t.TempDir()
	killed.Rounds(t, killed.Many(t, 100), path, func() (checkpoint.Store, func() error, error) {
		return checkpoint.Dir(path), func() error { return nil }, nil
	})
}

// A process that goes on saving while another resumes is fenced: what it was told is saved
// was there for the successor, and nothing came after.
func TestFencedAcrossProcesses(t *testing.T) {
	path := t.TempDir()
	for range 10 {
		cmd, out := killed.Start(t, path)
		for range 3 {
			if line, _, err := killed.Said(out); err != nil {
				t.Fatal(line, err)
			}
		}
		began := time.Now()
		c, err := checkpoint.Resume[killed.State](t.Context(), checkpoint.Dir(path), killed.Key)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("a predecessor that saves as fast as it can has kept its successor waiting for %v", took)
		}
		for {
			line, n, err := killed.Said(out)
			if line == "fenced" {
				break
			}
			if err != nil || n > c.State.N {
				t.Fatalf("the child said %q, %v, after its successor had found %d", line, err, c.State.N)
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		next := c.State
		next.Filling = strings.ToUpper(next.Filling)
		if err := c.Save(t.Context(), next); err != nil {
			t.Error(err)
		}
	}
}

func TestManyKillsAreSetByANumber(t *testing.T) {
	t.Setenv("HALE_CHECKPOINT_KILLS", "7")
	if n := killed.Many(t, 3); n != 7 {
		t.Error(n)
	}
}
