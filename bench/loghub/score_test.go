package main

import (
	"math"
	"slices"
	"testing"
)

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		groups []int
		events string // a letter each
		want   score
	}{
		"all right":             {[]int{5, 5, 9}, "aab", score{1, 1, 2}},
		"order does not matter": {[]int{1, 2, 1, 2}, "baba", score{1, 1, 2}},
		// b is whole; a is split: P = 1/3, R = 1/2.
		"one split": {[]int{1, 2, 3, 3}, "aabb", score{0.5, 2 * (1. / 3) * (1. / 2) / (1./3 + 1./2), 3}},
		// c is whole; a and b are one: P = 1/2, R = 1/3.
		"two made one": {[]int{1, 1, 1, 2}, "aabc", score{0.25, 2 * (1. / 2) * (1. / 3) / (1./2 + 1./3), 2}},
		// A line of a is with b: both are wrong.
		"a stray line": {[]int{1, 1, 2, 2, 2}, "aaabb", score{0, 0, 2}},
		"all wrong":    {[]int{1, 1}, "ab", score{0, 0, 1}},
		"no lines":     {nil, "", score{0, 0, 0}},
	} {
		var events []string
		for _, e := range c.events {
			events = append(events, string(e))
		}
		if len(events) == 0 {
			if got := judge(c.groups, events); got.groups != 0 || got.ga != 0 {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		got := judge(c.groups, events)
		if math.Abs(got.ga-c.want.ga) > 1e-12 || math.Abs(got.fga-c.want.fga) > 1e-12 || got.groups != c.want.groups {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// TestDrain checks the peer on what its paper says of it.
func TestDrain(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  []int
	}{
		"the same but for values":        {[]string{"connected to 10.0.0.1", "connected to 10.0.0.2", "lost 10.0.0.1"}, []int{0, 0, 1}},
		"lengths part":                   {[]string{"a b", "a b c"}, []int{0, 1}},
		"first words part":               {[]string{"open it now", "shut it now"}, []int{0, 1}},
		"unless they have digits":        {[]string{"7 is here", "8 is here"}, []int{0, 0}},
		"too little alike":               {[]string{"a b c d e", "a x y z e", "a x y q r"}, []int{0, 0, 1}},
		"the one with more in common":    {[]string{"a b c d e f", "a x y z u v", "a x y z u w"}, []int{0, 1, 1}},
		"a place for any word, not same": {[]string{"a b c", "a b d", "a e f"}, []int{0, 0, 1}},
	} {
		d := newDrain()
		var got []int
		for _, line := range c.lines {
			got = append(got, d.train(line))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// TestDrainChildren has more first words than the tree has room for.
func TestDrainChildren(t *testing.T) {
	d := newDrain()
	groups := map[int]bool{}
	for i := range 200 {
		groups[d.train(string(rune('A'+i/26))+string(rune('a'+i%26))+" and so on")] = true
	}
	if len(groups) != drainChildren { // 99 words, and one place for all others
		t.Errorf("%d groups", len(groups))
	}
}

func TestMiners(t *testing.T) {
	lines := []string{"took 3 ms", "took 4 ms", "left", "took 5 ms"}
	for _, m := range miners {
		got := judge(m.group(lines), []string{"a", "a", "b", "a"})
		if got.ga != 1 {
			t.Errorf("%s: %+v", m.name, got)
		}
	}
}
