package detect

import "github.com/hale-go/hale/observe"

// codeKey names what goroutines run, wherever they come from.
type codeKey struct {
	entry, blocked string
	wait           observe.WaitKind
}

// codeName is the same in a word, as states and baselines keep it.
type codeName struct {
	key     string
	creator bool // keeps goroutines on purpose
}

// codeNames remembers names, since making them costs more than all the rest of a
// look. It is no part of a detector's state: it changes no result.
type codeNames map[codeKey]codeName

func (n *codeNames) of(g *observe.Group, cfg *LeakConfig) codeName {
	k := codeKey{g.Entry.Function, g.Blocked.Function, g.Wait}
	if c, ok := (*n)[k]; ok {
		return c
	}
	if *n == nil || len(*n) >= 2*maxSeries {
		*n = codeNames{}
	}
	c := codeName{k.entry + "|" + k.blocked + "|" + string(k.wait), cfg.creator(k.entry)}
	(*n)[k] = c
	return c
}
