package hale

import "strings"

// formOf returns a message with "<*>" for what varies: words that have a digit in
// them.
func formOf(message string) string {
	var b strings.Builder
	for len(message) > 0 {
		n := 0
		for n < len(message) && inWord(message[n]) {
			n++
		}
		if n == 0 {
			b.WriteByte(message[0])
			message = message[1:]
			continue
		}
		word := strings.TrimRight(message[:n], ".:-_/")
		if strings.ContainsAny(word, "0123456789") {
			b.WriteString("<*>")
			b.WriteString(message[len(word):n])
		} else {
			b.WriteString(message[:n])
		}
		message = message[n:]
	}
	return b.String()
}

func inWord(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 || strings.IndexByte(".:-_/", c) >= 0
}
