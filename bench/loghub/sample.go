package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sample is the labelled log of one system.
type sample struct {
	name   string
	lines  []string
	events []string // the true group of each line
}

// dataError says what is wrong with the data, where, and what to do.
type dataError struct {
	place   string // a folder or a file, with the line if there is one
	problem string
	mend    string
}

func (e *dataError) Error() string { return e.place + ": " + e.problem + "; " + e.mend }

// suffix is how the names of labelled logs end.
const suffix = "_structured.csv"

// load reads all labelled logs under dir, sorted by name.
func load(dir string) ([]sample, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, &dataError{dir, "no folder that can be read", "give the one that holds loghub's folders of systems"}
	}
	if inner := filepath.Join(dir, "loghub"); isDir(inner) {
		dir = inner
	}
	systems, err := os.ReadDir(dir)
	if err != nil {
		return nil, &dataError{dir, err.Error(), "make it readable"}
	}
	var samples []sample
	for _, system := range systems {
		folder := filepath.Join(dir, system.Name())
		if !isDir(folder) {
			continue
		}
		files, err := os.ReadDir(folder)
		if err != nil {
			return nil, &dataError{folder, err.Error(), "make it readable"}
		}
		for _, file := range files {
			if !strings.HasSuffix(file.Name(), suffix) {
				continue
			}
			s, err := loadFile(filepath.Join(folder, file.Name()))
			if err != nil {
				return nil, err
			}
			samples = append(samples, s)
		}
	}
	if len(samples) == 0 {
		return nil, &dataError{dir, "no SYSTEM/*" + suffix + " in it", "give the folder that holds loghub's folders of systems"}
	}
	return samples, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func loadFile(path string) (sample, error) {
	f, err := os.Open(path)
	if err != nil {
		return sample{}, &dataError{path, err.Error(), "make it readable"}
	}
	defer f.Close()
	return read(f, path)
}

// read reads a labelled log: a table with a header, of which the columns
// Content and EventId matter.
func read(r io.Reader, path string) (sample, error) {
	table := csv.NewReader(r)
	header, err := table.Read()
	if err != nil {
		return sample{}, tableError(path, err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	content, event := slices.Index(header, "Content"), slices.Index(header, "EventId")
	if content < 0 || event < 0 {
		return sample{}, &dataError{path + ":1", fmt.Sprintf("the header %.100q has no Content or no EventId", header), "take the *" + suffix + " of Loghub-2k"}
	}
	s := sample{name: strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), suffix), "_2k.log")}
	for {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return sample{}, tableError(path, err)
		}
		if row[event] == "" {
			line, _ := table.FieldPos(event)
			return sample{}, &dataError{fmt.Sprintf("%s:%d", path, line), "no EventId", "label the line or take it out"}
		}
		s.lines = append(s.lines, row[content])
		s.events = append(s.events, row[event])
	}
	if len(s.lines) == 0 {
		return sample{}, &dataError{path + ":1", "no lines behind the header", "take the *" + suffix + " of Loghub-2k"}
	}
	return s, nil
}

// tableError says where a table is malformed.
func tableError(path string, err error) error {
	const mend = "take the file anew, or mend the line: as many fields as the header, quotes doubled within quotes"
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		return &dataError{fmt.Sprintf("%s:%d", path, bad.Line), bad.Err.Error(), mend}
	}
	if errors.Is(err, io.EOF) {
		return &dataError{path + ":1", "the file is empty", "take the file anew"}
	}
	return &dataError{path, err.Error(), "take the file anew"}
}
