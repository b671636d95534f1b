package main

import "strings"

// drain is Drain as published (He et al., "Drain: An Online Log Parsing Approach
// with Fixed Depth Tree", ICWS 2017), with the depth, likeness and number of
// children that its paper and Drain3 take by default, and no masks of its own.
// It is written anew, since of its Go ports none that was tried could be had from
// the module proxy. Lines of equal length that begin with the same word are
// compared word by word, and one that is like a group in enough places joins it.
// It spends no time on what the ports add: lengths as text, groups that may be
// evicted.
type drain struct {
	lengths map[int]*firstWords
	groups  int
}

// firstWords are the groups of one length by their first word. With depth 4 the
// root, the length and the group itself take three levels.
type firstWords struct {
	byWord map[string][]*cluster
}

// cluster is a group of lines.
type cluster struct {
	id    int
	words []string
}

const (
	drainLike     = 0.4 // share of equal words that makes a line part of a group
	drainChildren = 100 // first words; others share one place
	anyWord       = "<*>"
)

func newDrain() *drain { return &drain{lengths: map[int]*firstWords{}} }

// train returns the group of a line.
func (d *drain) train(line string) int {
	words := strings.Split(strings.TrimSpace(line), " ")
	first := d.lengths[len(words)]
	if first == nil {
		first = &firstWords{byWord: map[string][]*cluster{}}
		d.lengths[len(words)] = first
	}
	near, known := first.byWord[words[0]]
	if !known {
		near = first.byWord[anyWord]
	}
	if c := closest(near, words); c != nil {
		for i, w := range words {
			if c.words[i] != w {
				c.words[i] = anyWord
			}
		}
		return c.id
	}
	c := &cluster{id: d.groups, words: words}
	d.groups++
	key := words[0]
	if !known && len(words) > 1 && (strings.ContainsAny(key, "0123456789") || first.full()) {
		key = anyWord
	}
	first.byWord[key] = append(first.byWord[key], c)
	return c.id
}

// full reports whether no other first word has room, which leaves one for all
// others.
func (f *firstWords) full() bool {
	n := len(f.byWord)
	if _, ok := f.byWord[anyWord]; !ok {
		n++
	}
	return n >= drainChildren
}

// closest returns the cluster that is most like the words, nil if none is like
// enough. Of equals that with more places for any word wins, then the older.
func closest(clusters []*cluster, words []string) (best *cluster) {
	most, mostAny := -1, -1
	for _, c := range clusters {
		same, wild := 0, 0
		for i, w := range c.words {
			switch w {
			case anyWord:
				wild++
			case words[i]:
				same++
			}
		}
		if same > most || same == most && wild > mostAny {
			best, most, mostAny = c, same, wild
		}
	}
	if float64(most) < drainLike*float64(len(words)) {
		return nil
	}
	return best
}
