package run

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// The protocol of the control socket is text, a line each: the one request there is, and its
// answers, each a word that says what it is and a text for people. The last is no step.
const (
	handoverRequest = "handover"

	step    = "step"    // something happened, and it is not over
	done    = "done"    // the new process serves
	failed  = "failed"  // it does not
	refused = "refused" // nothing was begun
	unknown = "unknown" // hale run ends before it knows
)

// mostAnswers is for how many a request has room. There are fewer: a few steps, each once.
const mostAnswers = 16

// request is a handover that somebody waits for. The runner answers it, and never waits for
// who asked. A nil one is of nobody: its methods do nothing.
type request struct {
	answers chan answer // closed after the last
}

// say tells of a step.
func (q *request) say(format string, a ...any) {
	if q != nil {
		q.add(answer{step, fmt.Sprintf(format, a...)})
	}
}

// end tells what came of it.
func (q *request) end(kind, text string) {
	if q != nil {
		q.add(answer{kind, text})
		close(q.answers)
	}
}

func (q *request) add(a answer) {
	select {
	case q.answers <- a:
	default: // there are fewer than it has room for
	}
}

// answer is one line of what comes of a request.
type answer struct{ kind, text string }

// to sends it.
func (a answer) to(peer *net.UnixConn) error {
	_ = peer.SetWriteDeadline(time.Now().Add(answerTime))
	_, err := fmt.Fprintf(peer, "%s %s\n", a.kind, plain(a.text))
	return err
}

// parseAnswer reads a line; false is for one that hale run does not say.
func parseAnswer(line string) (a answer, ok bool) {
	kind, text, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	switch kind {
	case step, done, failed, refused, unknown:
		return answer{kind, plain(text)}, true
	}
	return answer{}, false
}
