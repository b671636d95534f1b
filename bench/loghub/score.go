package main

// score is how a grouping compares with the true one.
type score struct {
	// ga is grouping accuracy: the share of lines whose group is exactly the true
	// one, the same set of lines. Of Zhu et al., "Tools and Benchmarks for
	// Automated Log Parsing", ICSE-SEIP 2019.
	ga float64
	// fga is the F1 of groups: the harmonic mean of the share of the groups found
	// that are true ones and of the share of the true ones that were found. Of
	// Jiang et al., "A Large-Scale Evaluation for Log Parsing Techniques", ISSTA
	// 2024.
	fga    float64
	groups int
}

// judge compares the group of each line with the true one.
func judge(groups []int, events []string) score {
	type pair struct {
		group int
		event string
	}
	found, truth, both := map[int]int{}, map[string]int{}, map[pair]int{}
	for i, g := range groups {
		found[g]++
		truth[events[i]]++
		both[pair{g, events[i]}]++
	}
	right, lines := 0, 0
	for p, n := range both {
		if n == found[p.group] && n == truth[p.event] {
			right++
			lines += n
		}
	}
	s := score{groups: len(found)}
	if len(groups) > 0 {
		s.ga = float64(lines) / float64(len(groups))
		// 2PR / (P+R) with P = right/found and R = right/truth.
		s.fga = 2 * float64(right) / float64(len(found)+len(truth))
	}
	return s
}

// distinct returns how many true groups there are.
func distinct(events []string) int {
	seen := map[string]bool{}
	for _, e := range events {
		seen[e] = true
	}
	return len(seen)
}
