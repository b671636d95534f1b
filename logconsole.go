package hale

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
)

// ConsoleHandler returns a handler that writes records for people, a line each: time,
// level, task, message and the other attributes as [slog.TextHandler] writes them. It
// is coloured where w is a terminal and the environment has no NO_COLOR. A nil level
// is INFO. In production use [slog.JSONHandler], with [NameLevel] for FATAL.
//
//	10:04:05.123 WARN  orders.create#42 payment is slow request=r-881 took=3s
//
// Lines are written one at a time, in one Write each, so that it may be used by any
// number of goroutines. It is for development: it takes some microseconds a record.
func ConsoleHandler(w io.Writer, level slog.Leveler) slog.Handler {
	if w == nil {
		w = io.Discard
	}
	if level == nil {
		level = slog.LevelInfo
	}
	colour := isTerminal(w) && os.Getenv("NO_COLOR") == ""
	return &consoleHandler{out: &console{w: w}, colour: colour, level: level}
}

// console is where lines go. Its handlers share it.
type console struct {
	mu sync.Mutex
	w  io.Writer
}

type consoleHandler struct {
	out    *console
	level  slog.Leveler
	colour bool
	task   string                            // that was among the attributes
	groups bool                              // a group is open
	with   []func(slog.Handler) slog.Handler // attributes and groups, as they came
}

// text returns the handler that writes the attributes of one record. Each has its
// own, so that no lock is held while values are asked for their text.
func (h *consoleHandler) text(to io.Writer) slog.Handler {
	var t slog.Handler = slog.NewTextHandler(to, &slog.HandlerOptions{ReplaceAttr: withoutHead})
	for _, f := range h.with {
		t = f(t)
	}
	return t
}

// then returns h with one more of them.
func (h *consoleHandler) then(f func(slog.Handler) slog.Handler) *consoleHandler {
	made := *h
	made.with = append(slices.Clip(h.with), f)
	return &made
}

// withoutHead leaves out what the handler writes by itself: text is given records
// without time and message.
func withoutHead(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	_, level := a.Value.Any().(slog.Level)
	if level && a.Key == slog.LevelKey || a.Key == slog.MessageKey && a.Value.Kind() == slog.KindString && a.Value.String() == "" {
		return slog.Attr{}
	}
	return a
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || f == nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Enabled implements [slog.Handler].
func (h *consoleHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// WithAttrs implements [slog.Handler].
func (h *consoleHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	task := h.task
	if i := slices.IndexFunc(attrs, isTask); i >= 0 && !h.groups {
		task = attrs[i].Value.String()
		attrs = slices.Concat(attrs[:i], attrs[i+1:])
	}
	made := h.then(func(t slog.Handler) slog.Handler { return t.WithAttrs(slices.Clone(attrs)) })
	made.task = task
	return made
}

// WithGroup implements [slog.Handler].
func (h *consoleHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	made := h.then(func(t slog.Handler) slog.Handler { return t.WithGroup(name) })
	made.groups = true
	return made
}

func isTask(a slog.Attr) bool { return a.Key == "task" && a.Value.Kind() == slog.KindString }

// Handle implements [slog.Handler].
func (h *consoleHandler) Handle(ctx context.Context, r slog.Record) error {
	task := h.task
	rest := slog.Record{Level: r.Level, PC: r.PC}
	r.Attrs(func(a slog.Attr) bool {
		if !h.groups && isTask(a) {
			task = a.Value.String()
		} else {
			rest.AddAttrs(a)
		}
		return true
	})
	var line bytes.Buffer
	if !r.Time.IsZero() {
		h.word(&line, colourFaint, r.Time.Format("15:04:05.000"), 0)
	}
	h.word(&line, colourOf(r.Level), LogLevelName(r.Level), len("ERROR"))
	if task != "" {
		h.word(&line, colourFaint, task, 0)
	}
	h.word(&line, "", printable(r.Message, maxMessage), 0)  // on one line, and nothing that a terminal obeys
	if err := h.text(&line).Handle(ctx, rest); err != nil { // ends the line
		return err
	}
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	_, err := h.out.w.Write(line.Bytes())
	return err
}

// word adds a word of at least width to a line.
func (h *consoleHandler) word(line *bytes.Buffer, colour, word string, width int) {
	pad := strings.Repeat(" ", max(width-len(word), 0)+1)
	if h.colour && colour != "" {
		word = colour + word + "\x1b[0m"
	}
	line.WriteString(word + pad)
}

const colourFaint = "\x1b[2m"

func colourOf(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "\x1b[31m"
	case l >= slog.LevelWarn:
		return "\x1b[33m"
	case l >= slog.LevelInfo:
		return "\x1b[32m"
	}
	return colourFaint
}
