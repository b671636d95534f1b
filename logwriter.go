package hale

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hale-go/hale/internal/stack"
	"github.com/hale-go/hale/observe"
)

// maxLine is how much is looked at of a line.
const maxLine = 16 << 10

// LogWriter returns a writer that shows hale what another logger writes: package log,
// logrus, zerolog. It passes nothing on, so give it beside the real one:
//
//	log.SetOutput(io.MultiWriter(os.Stderr, hale.LogWriter(nil, "std")))
//
// Each line is a record, counted under the name as those of [LogHandler] are under
// their task's; a line of JSON is read for its level and message ("level", "msg" or
// "message", "error" or "err"), a line of text for level=… or a word such as ERROR
// in capitals near its beginning, and is INFO without one. What is written at once and has a
// Go stack in it is one record. The first 16 KB of a line are looked at. A line that
// has not ended is kept until it has. Write never fails and may be called by any number
// of goroutines. It takes about a microsecond a line, several for JSON.
//
// The records go to rt or, where that is nil, to what [Default] returns at the time.
func LogWriter(rt *Runtime, name string) io.Writer {
	name, _ = cleanName(name, func() string { return "log" })
	domain := observe.DomainOf(name)
	return &logWriter{rt: rt, who: &speaker{operation: name, domain: domain, hash: speakerHash(name, domain)}}
}

type logWriter struct {
	rt  *Runtime
	who *speaker

	mu   sync.Mutex
	part []byte // of a line that has not ended; at most maxLine
}

// Write implements [io.Writer].
func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := p
	if len(w.part) == 0 && len(p) >= leastStack && p[len(p)-1] == '\n' {
		if _, ok := stack.FingerprintText(string(p[:min(len(p), stack.MaxText)])); ok {
			w.line(p[:len(p)-1])
			return len(p), nil
		}
	}
	for len(rest) > 0 {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		rest = after
		if len(w.part) == 0 && ended {
			w.line(line)
			continue
		}
		w.part = append(w.part, line[:min(len(line), maxLine-len(w.part))]...)
		if ended {
			w.line(w.part)
			w.part = w.part[:0]
		}
	}
	return len(p), nil
}

// line takes one record in.
func (w *logWriter) line(b []byte) {
	rt := w.rt
	if rt == nil {
		rt = Default()
	}
	if rt = rt.made(); rt == nil || rt.logs.muted.Load() > 0 { // what hale says of an incident must not become one
		return
	}
	l := logLine{at: time.Now()}
	text := string(b[:min(len(b), stack.MaxText)])
	l.trace(text)
	text = strings.TrimSpace(head(text, maxLine))
	if text == "" {
		return
	}
	if !l.json(text) && !l.logfmt(text) {
		l.message = text
		l.level = levelIn(text)
	}
	rt.logs.take(w.who, &l)
}

// json reads a line of JSON, and reports whether it is one.
func (l *logLine) json(text string) bool {
	if text[0] != '{' {
		return false
	}
	var in struct {
		Level, Msg, Message, Error, Err any
	}
	if json.Unmarshal([]byte(text), &in) != nil {
		return false
	}
	first := func(texts ...any) string {
		for _, t := range texts {
			if s, ok := t.(string); ok && s != "" {
				return s
			}
		}
		return ""
	}
	l.message, l.err = first(in.Msg, in.Message), first(in.Error, in.Err)
	if name, ok := in.Level.(string); ok {
		l.level, _ = levelOf(name)
	}
	return true
}

// logfmt reads a line of key=value pairs as slog's TextHandler and logrus write it,
// and reports whether it is one: it has a msg.
func (l *logLine) logfmt(text string) bool {
	msg, ok := pairIn(text, "msg")
	if !ok {
		return false
	}
	l.message = msg
	if l.err, ok = pairIn(text, "error"); !ok {
		l.err, _ = pairIn(text, "err")
	}
	if level, ok := pairIn(text, "level"); ok {
		l.level, _ = levelOf(level)
	}
	return true
}

// pairIn returns the value of a key in a line of pairs.
func pairIn(text, key string) (value string, ok bool) {
	for {
		i := strings.Index(text, key+"=")
		if i < 0 {
			return "", false
		}
		begins := i == 0 || text[i-1] == ' '
		if text = text[i+len(key)+1:]; begins {
			break
		}
	}
	if quoted, err := strconv.QuotedPrefix(text); err == nil {
		value, err = strconv.Unquote(quoted)
		return value, err == nil
	}
	value, _, _ = strings.Cut(text, " ")
	return value, value != ""
}

// levelIn looks for a level among the first words of a line.
func levelIn(text string) slog.Level {
	n := 0
	for word := range strings.FieldsSeq(head(text, 256)) {
		if l, ok := levelOf(word); ok && word == strings.ToUpper(word) { // or it is a word of the message
			return l
		}
		if n++; n == maxWords {
			break
		}
	}
	return slog.LevelInfo
}

// maxWords is among how many words of a line its level is looked for: after a date, a
// time and a program's name.
const maxWords = 5

// levelOf reads a level as loggers write it.
func levelOf(word string) (slog.Level, bool) {
	switch strings.ToUpper(strings.Trim(word, "[]()<>|:\"'")) {
	case "TRACE", "TRC", "DEBUG", "DBG", "DEBU":
		return slog.LevelDebug, true
	case "INFO", "INF":
		return slog.LevelInfo, true
	case "WARN", "WARNING", "WRN":
		return slog.LevelWarn, true
	case "ERROR", "ERR", "ERRO":
		return slog.LevelError, true
	case "FATAL", "FTL", "FATA", "PANIC", "PNC", "PANI", "DPANIC":
		return LevelFatal, true
	}
	return 0, false
}
