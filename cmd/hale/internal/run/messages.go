package run

import (
	"strconv"
	"strings"
	"time"

	"github.com/hale-go/hale/internal/oneline"
	"github.com/hale-go/hale/process"
)

// message is what a service said at once.
type message struct {
	ready, stopping, alive, trigger bool
	late                            bool // who sent it has ended

	status   string // "": none
	handover string // why; "": not asked for
	extend   time.Duration
	watchdog time.Duration // what it wants the interval to be

	store, remove bool
	name          string // of the sockets
}

const (
	maxMessage = 4096 // bytes; systemd's bound
	maxSaid    = 512  // bytes of a status
)

// parseMessage reads a message of sd_notify(3). What it does not know it passes over, as
// systemd does.
func parseMessage(text string) (m message) {
	for line := range strings.SplitSeq(text[:min(len(text), maxMessage)], "\n") {
		field, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		switch field {
		case "READY":
			m.ready = m.ready || value == "1"
		case "STOPPING":
			m.stopping = m.stopping || value == "1"
		case "WATCHDOG":
			m.alive = m.alive || value == "1"
			m.trigger = m.trigger || value == "trigger"
		case "STATUS":
			m.status = plain(value)
		case process.HandoverField:
			if m.handover = plain(value); m.handover == "" {
				m.handover = "the service asked for it"
			}
		case "EXTEND_TIMEOUT_USEC":
			m.extend = micros(value)
		case "WATCHDOG_USEC":
			m.watchdog = micros(value)
		case "FDSTORE":
			m.store = m.store || value == "1"
		case "FDSTOREREMOVE":
			m.remove = m.remove || value == "1"
		case "FDNAME":
			m.name = value
		}
	}
	return m
}

// micros reads microseconds; what is none is 0.
func micros(value string) time.Duration {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(min(n, uint64(24*time.Hour/time.Microsecond))) * time.Microsecond
}

// plain returns a text as it can stand in one line of a log.
func plain(text string) string { return oneline.Of(text, maxSaid) }
