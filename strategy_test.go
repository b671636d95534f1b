package hale_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hale-go/hale"
)

func TestTextOfStrategiesAndKinds(t *testing.T) {
	var got struct {
		S []hale.Strategy
		K []hale.RestartKind
	}
	text := `{"S":["one_for_one","one_for_all","rest_for_one"],"K":["temporary","transient","permanent"]}`
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.S[1] != hale.OneForAll || got.S[2] != hale.RestForOne || got.K[1] != hale.Transient || got.K[2] != hale.Permanent {
		t.Errorf("read %v", got)
	}
	if back, err := json.Marshal(got); err != nil || string(back) != text {
		t.Errorf("wrote %s, %v", back, err)
	}
	s, k := hale.RestForOne, hale.Permanent
	if s.UnmarshalText([]byte("all")) == nil || k.UnmarshalText([]byte("Permanent")) == nil || s != hale.RestForOne || k != hale.Permanent {
		t.Error("a text that is none was taken")
	}
	var ce *hale.ConfigError
	if _, err := newRuntime(t).NewSupervisor("s", hale.SupervisorConfig{Strategy: 3}); !errors.As(err, &ce) {
		t.Errorf("strategy 3: %v", err)
	}
	if s := hale.Strategy(9).String() + hale.RestartKind(9).String(); s != "Strategy(9)RestartKind(9)" {
		t.Error(s)
	}
}

// The ring counts as a list of all times does.
func TestTally(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, most := range []int{1, 2, 5, 8, 9, 100} {
		const period = time.Second
		bears := hale.Tally(period, most)
		var naive []time.Duration
		at := time.Duration(0)
		for i := range 5000 {
			at += time.Duration(rng.Int64N(2 * int64(period) / int64(most)))
			for len(naive) > 0 && at-naive[0] >= period {
				naive = naive[1:]
			}
			want := len(naive) < most
			if naive = append(naive, at); !want {
				naive = nil
			}
			if got := bears(at); got != want {
				t.Fatalf("most %d, restart %d: borne %v, want %v", most, i, got, want)
			}
		}
	}
	bears := hale.Tally(time.Hour, 1<<30)
	for range 1 << 17 {
		if !bears(0) {
			t.Fatal("more than are counted are not borne")
		}
	}
}
