package detect

import "math"

// tally counts one thing over three times: about ten seconds, about a minute, and
// as long as habits last. What is older weighs less, by an exponential, so that a
// tally is a few numbers however much it counts.
type tally struct {
	Short float64 `json:"s,omitempty"`
	Long  float64 `json:"l,omitempty"`
	Base  float64 `json:"b,omitempty"`

	// While a case is open: how many since it began, in its second look, and of those
	// since it began the ones in the short time.
	Case float64 `json:"c,omitempty"`
	Look float64 `json:"k,omitempty"`
	Now  float64 `json:"w,omitempty"`
}

// Time constants of a tally, in seconds.
const (
	shortTau = 10
	longTau  = 60
	baseTau  = 3600

	// leastBase is how many things a baseline is made of at least: habits of what
	// is seldom done are older than an hour.
	leastBase = 1000
)

// fade is by how much tallies shrink in a time.
type fade struct{ seconds, short, long, base float64 }

func fadeOf(seconds float64) fade {
	if !(seconds > 0) { // a clock that was set back
		return fade{0, 1, 1, 1}
	}
	return fade{seconds, math.Exp(-seconds / shortTau), math.Exp(-seconds / longTau), math.Exp(-seconds / baseTau)}
}

// fade lets time pass, takes from what is usual by habits, and learns what leaves
// the short time: what is just happening is not usual yet.
func (a *tally) fade(f fade, habits float64, learn bool) {
	a.Base *= habits
	if learn {
		a.Base += a.Short * (1 - f.short)
	}
	a.Short *= f.short
	a.Long *= f.long
	a.Now *= f.short
}

// habits is by how much all that is compared with a tally ages.
func habits(of *tally, f fade) float64 {
	if of.Base <= leastBase {
		return 1
	}
	return max(f.base, leastBase/of.Base)
}

// add counts n more.
func (a *tally) add(n float64) {
	a.Short += n
	a.Long += n
}

// pass counts the seconds of a fade themselves.
func (a *tally) pass(f fade, learn bool) {
	short := shortTau * (1 - f.short)
	a.Short += short
	a.Long += longTau * (1 - f.long)
	if learn {
		a.Base += f.seconds - short
	}
}

// maxSpread is how clumpy errors may be and still tell something.
const maxSpread = 10

// spreadOf returns by how much counts vary more than by chance: the mean square of
// what they differ from what was expected, in parts of the mean (the index of
// dispersion). With little known, it is 1.
func spreadOf(squares, count float64) float64 {
	return min(max((squares+5)/(count+5), 1), maxSpread)
}

func square(x float64) float64 { return x * x }

// Levels of surprise, as logarithms of the probability that chance did it. Some
// hundred operations are looked at each second, 10⁷ times a day, and each look is
// much like the one before.
var (
	verySurprising = math.Log(1e-6)
	surprising     = math.Log(1e-3)
	notUsual       = math.Log(0.05)
)

// chance returns the logarithm of a bound on the probability that bad or more of n
// are bad when each is with the probability p (Chernoff, 1952). It is 0 when there
// are no more than p says. For faded tallies the bound is a wide one: they vary
// less than counts of their size.
func chance(n, bad, p float64) float64 {
	if n <= 0 || bad <= p*n {
		return 0
	}
	q := min(bad/n, 1)
	d := q * math.Log(q/p)
	if q < 1 {
		d += (1 - q) * math.Log((1-q)/(1-p))
	}
	return -n * d
}

// chanceOfRate is chance for what is not a part of n, such as errors in n seconds.
func chanceOfRate(n, bad, rate float64) float64 {
	m := rate * n
	if m <= 0 || bad <= m {
		return 0
	}
	return -(bad*math.Log(bad/m) - bad + m)
}

// measure says what of a tally is worth telling.
type measure struct {
	usual  float64 // share, or rate
	bar    float64 // share to raise at
	half   float64 // share to clear at
	sure   float64 // share to confirm at
	least  float64 // things to raise at
	spread float64 // how much more it varies than by chance: errors come in clumps
	chance func(n, bad, p float64) float64
}

// luck is chance, of things that come in clumps.
func (m *measure) luck(n, bad float64) float64 { return m.chance(n, bad, m.usual) / m.spread }

func (m *measure) raised(bad, of *tally) bool {
	return bad.Short >= m.least && bad.Short >= m.bar*of.Short && m.luck(of.Short, bad.Short) < verySurprising
}

// above reports whether it is half as bad as what is raised.
func (m *measure) above(bad, of *tally) bool {
	return bad.Short >= 1 && bad.Short >= m.half*of.Short && m.luck(of.Short, bad.Short) < notUsual
}

func (m *measure) held(bad, of *tally) bool {
	return bad.Short >= m.least/2 && m.above(bad, of)
}

// confirmed reports whether what came after the first seconds is bad on its own,
// and so is the last minute. of.Look must be that of the case.
func (m *measure) confirmed(bad, of *tally, look float64) bool {
	return bad.Look >= m.least && bad.Look >= m.sure*look && m.luck(look, bad.Look) < surprising &&
		bad.Long >= m.half*of.Long && m.luck(of.Long, bad.Long) < verySurprising
}
