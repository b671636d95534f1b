package oneline

import "strings"

// Of returns the first bytes of a text, at most so many, as they can stand in one line:
// control characters are spaces, and what is no UTF-8 is left out.
func Of(text string, most int) string {
	text = strings.ToValidUTF8(text[:min(len(text), most)], "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text))
}
