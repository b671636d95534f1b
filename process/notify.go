package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hale-go/hale/internal/oneline"
)

// ErrNoParent is returned by what needs a parent that can do it, where there is none.
var ErrNoParent = errors.New("hale: process: there is no parent that can do it")

// maxStatus is how many bytes of a status are sent.
const maxStatus = 512

// How long a message waits for a parent that does not read: it may be stopped, or hang, and
// the service is not to.
const (
	patient = time.Second           // for what the parent must know
	soon    = 10 * time.Millisecond // for what the next message makes up for
)

// Supervised reports whether there is a parent that wants to be told: NOTIFY_SOCKET is set.
func Supervised() bool { return os.Getenv(envNotify) != "" }

// Ready tells the parent that the service serves. A parent that hands over then has the
// predecessor drain. It closes the sockets that were passed and that nobody asked for.
// Without a parent it does nothing. For a parent that does not read what it is told it waits a
// second at most, as all of these do; the error then matches [os.ErrDeadlineExceeded].
func Ready() error {
	for _, name := range dropUnclaimed() {
		if err := send("FDSTOREREMOVE=1\nFDNAME="+name, patient); err != nil {
			return err
		}
	}
	return send("READY=1", patient)
}

// Stopping tells the parent that the service is about to end, so that it is not taken for
// one that hangs or fails. Listeners stay open, and end when they are closed: this process
// keeps no copy of their sockets any more, by which [Listen] would open them again.
func Stopping() error {
	dropAll()
	return send("STOPPING=1", patient)
}

// Status tells the parent, and whoever asks it, what the service does, in one line of which
// 512 bytes count. It waits 10 ms at most for a parent that does not read what it is told.
func Status(text string) error {
	return send("STATUS="+oneline.Of(text, maxStatus), soon)
}

// Handover asks the parent to start a successor on the same sockets, and to end this
// process once that is ready. It does not wait for it: the end comes as SIGTERM. why is
// said in the parent's log. Without a parent that can do it the error matches
// [ErrNoParent]; such a service has to be restarted by whoever started it.
func Handover(why string) error {
	if os.Getenv(EnvHandover) == "" || !Supervised() {
		return ErrNoParent
	}
	return send(HandoverField+"="+oneline.Of(why, maxStatus), patient)
}

// HandoverOrExit is [Handover] where there is a parent that can do it, and else has this
// process drain and exit: it sends itself SIGTERM. Whoever started it has to start it again,
// whatever it exits with, as Kubernetes does and systemd with Restart=always.
func HandoverOrExit(why string) error {
	if err := Handover(why); !errors.Is(err, ErrNoParent) {
		return err
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	return self.Signal(syscall.SIGTERM)
}

// What only hale's own parent knows: it sets EnvHandover, and takes a message with
// HandoverField as the wish for a handover.
const (
	EnvHandover   = "HALE_HANDOVER"
	HandoverField = "X_HALE_HANDOVER"
)

const envNotify = "NOTIFY_SOCKET"

// send tells the parent something. Without one it does nothing.
func send(state string, wait time.Duration) error {
	if !Supervised() {
		return nil
	}
	if err := sendState(state, wait); err != nil {
		return fmt.Errorf("hale: process: the parent cannot be told: %w", err)
	}
	return nil
}
