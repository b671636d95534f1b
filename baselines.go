package hale

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

const (
	baselinesFile    = "baselines.json"
	baselinesVersion = 1
	baselinesEvery   = time.Minute
	maxBaselines     = 16 << 20 // bytes of the file
	maxAside         = 100      // files that were set aside and not looked after
	soundTurns       = 100      // after so many a break has nothing to do with what was given before
)

// baselinesDoc is the file of what was learned about each name.
type baselinesDoc struct {
	Version   int                        `json:"version"`
	Detectors map[string]json.RawMessage `json:"detectors"`
}

// baselines keeps what detectors have learned in the runtime's directory.
type baselines struct {
	path  string    // "": nothing is kept
	last  time.Time // when it was last written; the loop's own
	tries int       // how often the loop was given it since it last proved sound
	turns int       // of the loop since it was given it

	writing chan struct{}                    // holds one token while the file is written; nil: nothing is kept
	write   func(string, baselinesDoc) error // writeBaselines, or what tests have in its place
	failed  string                           // the last trouble that was told; the token's holder's
}

// learn gives the loop what an earlier process learned. A file that cannot be
// used is set aside and told of; where that fails too, nothing is kept, so that
// it is never overwritten. It is part of New and of starting the loop afresh.
func (rt *Runtime) learn() {
	b := &rt.baselines
	if b.path == "" {
		return
	}
	b.turns = 0
	if b.tries++; b.tries > 2 { // the loop may break for what it was given
		b.path = ""
		rt.tellBaselines("the loop broke again after it was given what had been learned: it starts without, and nothing is kept until the next process")
		return
	}
	doc, err := readBaselines(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = rt.loop.panel.SetBaselines(doc.Detectors)
	}
	if err == nil {
		return
	}
	var refused detect.PanelError
	some := errors.As(err, &refused)
	aside, moved := setAside(b.path)
	if moved != nil {
		rt.tellBaselines(fmt.Sprintf("%v; it could not be set aside (%v): nothing will be kept until it is moved and the process is started again", err, moved))
		b.path = ""
		return
	}
	if !some {
		rt.tellBaselines(fmt.Sprintf("%v; it was set aside as %s, and learning starts over", err, aside))
		return
	}
	// What the others have learned must not be lost if the process ends before it is
	// written again.
	for name := range refused {
		delete(doc.Detectors, name)
	}
	rt.tellBaselines(fmt.Sprintf("%v; the file was set aside as %s, and learning starts over for these", err, aside))
	if err := b.write(b.path, doc); err != nil {
		rt.tellBaselines(err.Error()) // it is tried again
	}
}

// sound counts a turn that did not break. turnMu is held.
func (b *baselines) sound() {
	if b.turns++; b.turns == soundTurns {
		b.tries = 1
	}
}

func readBaselines(path string) (doc baselinesDoc, err error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() { // a pipe would never end
		return doc, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return doc, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxBaselines+1))
	if err != nil {
		return doc, err
	}
	if len(raw) > maxBaselines {
		return doc, fmt.Errorf("%s has more than %d bytes", path, maxBaselines)
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return doc, fmt.Errorf("%s: %w", path, err)
	}
	if doc.Version != baselinesVersion {
		return doc, fmt.Errorf("%s has version %d, this process reads version %d", path, doc.Version, baselinesVersion)
	}
	return doc, nil
}

// setAside renames a file to a name that is free.
func setAside(path string) (string, error) {
	for i := 1; i <= maxAside; i++ {
		aside := fmt.Sprintf("%s.aside-%d", path, i)
		_, err := os.Lstat(aside)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return aside, os.Rename(path, aside)
		case err != nil:
			return "", err
		}
	}
	return "", fmt.Errorf("%d files lie aside already", maxAside)
}

// keep writes what was learned, once in a while and when last is true. turnMu
// is held. The file is written by a goroutine of its own: a slow disk must not
// hold up the loop.
func (rt *Runtime) keep(now time.Time, last bool) {
	b := &rt.baselines
	if b.path == "" || (!last && now.Sub(b.last) < baselinesEvery) {
		return
	}
	select {
	case b.writing <- struct{}{}:
	default:
		return // still writing
	}
	b.last = now
	learned, err := rt.loop.panel.Baselines()
	if err != nil && !rt.tellDetectors(err) {
		<-b.writing
		rt.tellBaselines(err.Error())
		return
	}
	path := b.path
	go func() {
		defer func() { <-b.writing }()
		trouble := ""
		if err := b.write(path, baselinesDoc{baselinesVersion, learned}); err != nil {
			trouble = err.Error()
		}
		if trouble != b.failed && trouble != "" { // told once, not every minute
			rt.tellBaselines(trouble)
		}
		b.failed = trouble
	}()
}

// keepLast writes what was learned for the next process. It waits for the disk,
// but not for ever.
func (rt *Runtime) keepLast() error {
	b := &rt.baselines
	if b.writing == nil {
		return nil
	}
	patience := time.NewTimer(closePatience)
	defer patience.Stop()
	for last := false; ; last = true {
		select {
		case b.writing <- struct{}{}: // what was under way is written
			<-b.writing
		case <-patience.C:
			return fmt.Errorf("hale: the disk did not take what was learned within %v", closePatience)
		}
		if last || !rt.turnMu.TryLock() { // a turn that hangs must not hold up Close
			return nil
		}
		rt.keep(time.Now(), true)
		rt.turnMu.Unlock()
	}
}

// writeBaselines replaces the file at once or not at all. What it is written to
// before always has the same name, so that a process that is killed meanwhile
// leaves one file behind and not one each time.
func writeBaselines(path string, doc baselinesDoc) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	fresh := path + ".tmp"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		_ = os.Remove(fresh) // what is left of it
	}
	return err
}

func (rt *Runtime) tellBaselines(detail string) {
	detail = printable(detail, maxDetail)
	rt.emit(observe.Event{Kind: observe.EventBaselines, Subject: observe.Subject{Name: "hale.baselines"}, Detail: detail})
	rt.log(slog.LevelWarn, "hale's baselines", "detail", detail)
}
