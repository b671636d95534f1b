package checkpoint

import (
	"encoding/base32"
	"fmt"
	"strings"
)

// longestStem is what file systems leave of a name of 255 bytes, and some to spare.
const longestStem = 220

// base32hex has no upper-case letters, since some file systems take them for lower-case ones.
var base32hex = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// fileStem returns how the names of a key's files begin. No two keys have the same, also
// where upper and lower case do not differ. Long keys, which would be too long with all
// their characters escaped, are in base 32 behind a "~", which is escaped in others.
func fileStem(key string) string {
	var b strings.Builder
	device := isDevice(key)
	for i := range len(key) {
		c := key[i]
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' {
			if i > 0 || c != '.' && !device {
				b.WriteByte(c)
				continue
			}
		}
		fmt.Fprintf(&b, "%%%02x", c)
	}
	if b.Len() > longestStem {
		return "~" + base32hex.EncodeToString([]byte(key))
	}
	return b.String()
}

// isDevice reports whether Windows takes a file whose name begins so for a device.
func isDevice(key string) bool {
	first, _, _ := strings.Cut(key, ".")
	switch first {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(first) == 4 && (first[:3] == "com" || first[:3] == "lpt") && '0' <= first[3] && first[3] <= '9'
}
