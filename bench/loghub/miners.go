package main

import "github.com/hale-go/hale/internal/template"

// miner is one of those that are compared.
type miner struct {
	name  string
	group func(lines []string) []int // in one pass; the groups as they are at the end
}

// miners are hale and Drain with the settings of its authors' code, the same
// for all systems.
var miners = []miner{
	{"hale", func(lines []string) []int {
		m := template.New()
		out := make([]int, len(lines))
		for i, line := range lines {
			out[i] = int(m.Match(line))
		}
		for i, id := range out {
			out[i] = int(m.Current(template.ID(id)))
		}
		return out
	}},
	{"drain", func(lines []string) []int {
		d := newDrain()
		out := make([]int, len(lines))
		for i, line := range lines {
			out[i] = d.train(line)
		}
		return out
	}},
}
