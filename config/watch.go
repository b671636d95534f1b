package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hale-go/hale"
)

// defaultEvery is how often a file is looked at, and shortestEvery how often at most.
const (
	defaultEvery  = 5 * time.Second
	shortestEvery = 10 * time.Millisecond
)

// WatchOption is a choice for [Watch].
type WatchOption func(*watcher)

// Every sets how often the file is looked at, at least each 10ms. Default: 5s.
func Every(d time.Duration) WatchOption { return func(w *watcher) { w.every = d } }

// OnError sets what is told of a file that cannot be used or read, and of settings that
// apply refuses: once for each content of the file. It is called on the goroutine of
// [Watch]. Default: a record at WARN to [slog.Default].
func OnError(f func(error)) WatchOption { return func(w *watcher) { w.tell = f } }

// OnHangup has the file read and applied at once when the process gets a SIGHUP, whether
// or not it has changed. While Watch runs, the signal then does not end the process.
func OnHangup() WatchOption { return func(w *watcher) { w.hangup = true } }

// watcher is what Watch knows of its file.
type watcher struct {
	path   string
	apply  func(hale.Config) error
	every  time.Duration
	tell   func(error)
	hangup bool

	seen   string // the content as of the last look
	done   string // the content that was dealt with
	told   string // the content that was told of
	failed bool   // apply failed for another reason than what it was given
	filled bool   // the settings that hold are those of a file with something in it
}

// Watch reads the settings in a file again when its content changes, and gives them to
// apply, such as [hale.Runtime.Reconfigure]. What a file cannot hold, such as the function
// Abort of a domain's retries, apply has to put there again. It runs until ctx ends, and then returns
// nil; it has no goroutine of its own. An option that cannot be used gives a
// [*hale.ConfigError] at once.
//
// The file is read every 5 s; see [Every]. A content counts when two looks in a row find
// it, so that a file that is half written does not. That holds also for the content
// when Watch begins. What replaces the file works as well as what writes to it: an editor
// that renames, a ConfigMap of Kubernetes.
//
// A file that cannot be used, read or found changes nothing, nor does one that has become
// empty; that is told, and so is what apply returns; see [OnError]. Where that is not about a setting, apply is called again with
// each look until it succeeds. A panic of apply is taken for an error.
func Watch(ctx context.Context, path string, apply func(hale.Config) error, opts ...WatchOption) error {
	if ctx == nil {
		ctx = context.Background()
	}
	w := watcher{path: path, apply: apply, every: defaultEvery}
	for _, opt := range opts {
		if opt != nil {
			opt(&w)
		}
	}
	switch {
	case apply == nil:
		return &hale.ConfigError{Field: "config.Watch", Value: nil, Mend: "give a function that takes the settings, such as Runtime.Reconfigure"}
	case w.every < shortestEvery:
		return &hale.ConfigError{Field: "config.Every", Value: w.every, Mend: "give at least " + shortestEvery.String()}
	}
	if w.tell == nil {
		w.tell = func(err error) {
			slog.Default().Warn("hale keeps its settings: the file cannot be used", "error", err, "hint", hale.Hint(err))
		}
	}
	var signals chan os.Signal
	if w.hangup {
		signals = make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGHUP)
		defer signal.Stop(signals)
	}
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	w.look(false)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
			w.look(true)
		case <-ticker.C:
			w.look(false)
		}
	}
}

// look reads the file and deals with what is new in it. now is for a content that is to
// be taken as it is.
func (w *watcher) look(now bool) {
	data, err := read(w.path)
	content := fmt.Sprintf("%x", sha256.Sum256(data))
	if err != nil {
		content = err.Error()
	}
	settled := content == w.seen
	w.seen = content
	switch {
	case now:
		w.told = "" // whoever asks wants an answer
	case !settled, content == w.done && !w.failed:
		return
	}
	w.done, w.failed = content, false
	if err == nil {
		err = w.take(data)
	}
	if err != nil && w.told != content {
		w.told = content
		_ = contained(func() error { w.tell(err); return nil })
	}
}

// take applies the settings in data.
func (w *watcher) take(data []byte) error {
	c, doc, err := decode(w.path, data)
	if err != nil {
		return err
	}
	if doc.body == nil && w.filled { // rather the half of what is being done than what somebody wants
		return &Error{File: w.path, Err: errEmptied, Mend: "write {} to have the default of all settings"}
	}
	if err = contained(func() error { return w.apply(c) }); err == nil {
		w.told, w.filled = "", doc.body != nil
		return nil
	}
	err = doc.locate(err)
	_, known := errors.AsType[*Error](err)
	w.failed = !known
	return err
}

var errEmptied = errors.New("nothing is in it any more")

// contained calls f, which is anybody's code.
func contained(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("config: panic: %.200v", v)
		}
	}()
	return f()
}
