package hale

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// LogConfig says what is looked at in the records that [LogHandler] and other ways in
// give to hale. The zero value is useful.
type LogConfig struct {
	// Keep is how many of the last records of each task are kept as evidence, at most
	// 64; below 0 none. Default: 8.
	Keep int `json:"keep" yaml:"keep"`
	// Patterns are what records are looked through for. A form of records is matched
	// once, with the first of them. At most 64. Default: [DefaultLogPatterns].
	Patterns []LogPattern `json:"patterns" yaml:"patterns"`
}

// LogPattern finds records that tell of trouble. All that is set must hold.
type LogPattern struct {
	Name string `json:"name" yaml:"name"` // what findings call it; unique
	// Contains is a part of the message or of the text of its error, without regard to
	// upper and lower case.
	Contains string `json:"contains,omitempty" yaml:"contains"`
	// Regexp matches a part of them, in the syntax of [regexp].
	Regexp string `json:"regexp,omitempty" yaml:"regexp"`
	// Level is the least level, such as "ERROR". Default: any.
	Level string `json:"level,omitempty" yaml:"level"`
}

// DefaultLogPatterns returns the patterns of a [LogConfig] that has none: what Go
// programs say when a dependency or a resource is gone.
func DefaultLogPatterns() []LogPattern {
	out := []LogPattern{{Name: "error level", Level: "ERROR"}}
	for _, text := range []string{
		"panic", "fatal error", "failed to connect", "connection refused",
		"out of memory", "too many open files", "context deadline exceeded",
	} {
		out = append(out, LogPattern{Name: text, Contains: text})
	}
	return out
}

const (
	defaultKeep = 8
	maxKeep     = 64
	maxPatterns = 64
)

func (c LogConfig) withDefaults() (LogConfig, error) {
	if c.Keep > maxKeep {
		return c, &ConfigError{Field: "Config.Logs.Keep", Value: c.Keep, Mend: fmt.Sprintf("give at most %d, or 0 for the default", maxKeep)}
	}
	if c.Keep == 0 {
		c.Keep = defaultKeep
	}
	if c.Patterns == nil {
		c.Patterns = DefaultLogPatterns()
	}
	if len(c.Patterns) > maxPatterns {
		return c, &ConfigError{Field: "Config.Logs.Patterns", Value: len(c.Patterns), Mend: fmt.Sprintf("give at most %d", maxPatterns)}
	}
	_, err := compilePatterns(c.Patterns)
	return c, err
}

// logPattern is a pattern that is ready to match.
type logPattern struct {
	name     string
	contains string // in lower case
	regexp   *regexp.Regexp
	level    slog.Level
}

// compilePatterns returns the patterns sorted by name.
func compilePatterns(patterns []LogPattern) ([]logPattern, error) {
	out := make([]logPattern, 0, len(patterns))
	for i, p := range patterns {
		bad := func(field string, value any, mend string) error {
			return &ConfigError{Field: fmt.Sprintf("Config.Logs.Patterns[%d].%s", i, field), Value: value, Mend: mend}
		}
		made := logPattern{name: p.Name, contains: strings.ToLower(p.Contains), level: lowestLevel}
		if p.Name == "" || printable(p.Name, maxName) != p.Name {
			return nil, bad("Name", printable(p.Name, maxName), "give a printable name of at most 128 bytes")
		}
		if slices.ContainsFunc(out, func(o logPattern) bool { return o.name == p.Name }) {
			return nil, bad("Name", p.Name, "give each pattern a name of its own")
		}
		if p.Contains == "" && p.Regexp == "" && p.Level == "" {
			return nil, bad("Contains", "", "say what it matches by Contains, Regexp or Level")
		}
		var err error
		if p.Regexp != "" {
			if made.regexp, err = regexp.Compile(p.Regexp); err != nil {
				return nil, bad("Regexp", printable(p.Regexp, maxName), "give a regular expression of Go: "+err.Error())
			}
		}
		if p.Level != "" {
			if made.level, err = ParseLogLevel(p.Level); err != nil {
				return nil, bad("Level", printable(p.Level, maxName), "give DEBUG, INFO, WARN, ERROR or FATAL")
			}
		}
		out = append(out, made)
	}
	slices.SortFunc(out, func(a, b logPattern) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// matching returns the names of the patterns that a record matches.
func matching(patterns []logPattern, level slog.Level, text string) (names []string) {
	low := strings.ToLower(text)
	for _, p := range patterns {
		if level >= p.level && strings.Contains(low, p.contains) && (p.regexp == nil || p.regexp.MatchString(text)) {
			names = append(names, p.name)
		}
	}
	return names
}
