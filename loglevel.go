package hale

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
)

// LevelFatal is the level FATAL, of what the service cannot go on after. It is a
// level like others: to log at it ends nothing. Who wants to end the process does so
// himself, after the log is written; hale never does.
const LevelFatal = slog.Level(12)

const (
	levelWarn   = slog.LevelWarn
	lowestLevel = slog.Level(math.MinInt32)
)

// ParseLogLevel returns the level of a name: DEBUG, INFO, WARN, ERROR or FATAL, in
// upper or lower case, perhaps with what is added to it, such as INFO+2. WARNING is
// WARN.
func ParseLogLevel(name string) (slog.Level, error) {
	upper := strings.ToUpper(name)
	if rest, ok := strings.CutPrefix(upper, "WARNING"); ok {
		upper = "WARN" + rest
	}
	above := slog.Level(0)
	if rest, ok := strings.CutPrefix(upper, "FATAL"); ok {
		upper, above = "ERROR"+rest, LevelFatal-slog.LevelError
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(upper)); err != nil {
		return 0, fmt.Errorf("hale: %.20q is no log level: give DEBUG, INFO, WARN, ERROR or FATAL", name)
	}
	return l + above, nil
}

// LogLevelName returns the name of a level as [ParseLogLevel] reads it: what
// [slog.Level.String] returns, and FATAL.
func LogLevelName(l slog.Level) string {
	switch {
	case l == LevelFatal:
		return "FATAL"
	case l > LevelFatal:
		return fmt.Sprintf("FATAL+%d", int(l-LevelFatal))
	}
	return l.String()
}

// NameLevel is a ReplaceAttr of [slog.HandlerOptions] that makes the handlers of slog
// write FATAL where they would write ERROR+4.
func NameLevel(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.LevelKey {
		if l, ok := a.Value.Any().(slog.Level); ok && l >= LevelFatal {
			a.Value = slog.StringValue(LogLevelName(l))
		}
	}
	return a
}
