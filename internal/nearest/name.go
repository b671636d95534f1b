package nearest

import (
	"strings"
	"unicode/utf8"
)

// few is below how many letters may be other.
const few = 3

// Name returns the one of the known names that a misspelt one may stand for, "" for none:
// at most two letters are other, and less than half of them. Capitals, hyphens,
// underscores and spaces do not count, and names above 64 bytes stand for none.
func Name(name string, known []string) string {
	gaps := strings.NewReplacer("_", "", "-", "", " ", "")
	bare := func(s string) string { return gaps.Replace(strings.ToLower(s)) }
	name = bare(name)
	if len(name) > 64 {
		return ""
	}
	letters := utf8.RuneCountInString(name)
	best, least := "", few
	for _, k := range known {
		b := bare(k)
		if n := utf8.RuneCountInString(b); n <= letters-few || n >= letters+few {
			continue // as many letters are other at least
		}
		if d := distance(name, b); d < least && 2*d < len(k) {
			best, least = k, d
		}
	}
	return best
}

// distance returns how many letters must be put in, taken out, replaced or swapped with
// their neighbours to get from a to b (the optimal string alignment of Damerau and
// Levenshtein).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
