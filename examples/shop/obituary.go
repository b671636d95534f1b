package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// obituary is what "hale run" says of the end of a process, or of a handover that it asked
// for: a line of its file.
type obituary struct {
	At          time.Time `json:"at"`
	Fault       string    `json:"fault"`
	Message     string    `json:"message"` // what Go said first, or why a successor was asked for
	PID         int       `json:"pid"`
	Action      string    `json:"action"`
	Fingerprint string    `json:"fingerprint"` // the same for the same fault
	Site        string    `json:"site"`        // the function and line that it comes from
	Handovers   int       `json:"handovers"`   // that were asked for within the last hour
}

func (o obituary) String() string {
	if o.Fault == faultHandover {
		return fmt.Sprintf("%s; %s", o.Message, o.Action)
	}
	return fmt.Sprintf("%s at %s, fingerprint %s; %s", o.Message, o.Site, o.Fingerprint, o.Action)
}

// faultHandover is that of a handover.
const faultHandover = "handover"

// readLines decodes a file of JSON in lines. One that is not there has none.
func readLines[T any](path string) (out []T, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var one T
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return out, fmt.Errorf("%s: line %d: %w", path, len(out)+1, err)
		}
		out = append(out, one)
	}
	return out, nil
}
