package resource

import (
	"bytes"

	"github.com/hale-go/hale/observe"
)

// netDev is relative to the process, so that it is of its network namespace.
const netDev = "/proc/self/net/dev"

// traffic is the sum over interfaces. The counts are in the order of
// observe.NetworkUse.
type traffic struct {
	interfaces int
	counts     [8]uint64
}

// columns of /proc/net/dev that count into traffic.
var columns = [...]int{0, 1, 2, 3, 8, 9, 10, 11}

// parseTraffic sums up all interfaces but the loopback. It reports whether the
// text is whole.
func parseTraffic(text []byte) (t traffic, ok bool) {
	for line := range bytes.Lines(text) {
		colon := bytes.LastIndexByte(line, ':') // an alias has one in its name
		if colon < 0 {
			continue // headings
		}
		if line[len(line)-1] != '\n' {
			return traffic{}, false
		}
		fields := bytes.Fields(line[colon+1:])
		if len(fields) < 12 {
			return traffic{}, false
		}
		if string(bytes.TrimSpace(line[:colon])) == "lo" {
			continue
		}
		t.interfaces++
		for i, c := range columns {
			n, ok := parseCount(fields[c])
			if !ok {
				return traffic{}, false
			}
			t.counts[i] += n
		}
	}
	return t, len(text) > 0
}

// readNetwork reads what went over the network, or leaves it for a later time.
func (r *Reader) readNetwork(u *use) error {
	if r.networkPace.due(u.now) {
		r.networkPace.spend(u.now, func() { r.networkErr = r.countNetwork() })
	}
	if r.networkErr != nil {
		return r.networkErr
	}
	u.network = r.network
	u.network.Age = r.networkPace.age(u.now)
	u.out.Network = &u.network
	return nil
}

func (r *Reader) countNetwork() error {
	text, err := r.read(netDev)
	if err != nil {
		return err
	}
	t, ok := parseTraffic(text)
	if !ok {
		return garbage(netDev)
	}
	// Where an interface came or went, the sums are of something else. Its own
	// counters may be anything.
	same := t.interfaces == r.interfaces
	r.interfaces = t.interfaces
	var n [len(t.counts)]uint64
	for i, raw := range t.counts {
		n[i] = r.traffic[i].count(raw, same)
	}
	r.network = observe.NetworkUse{
		ReceivedBytes: n[0], ReceivedPackets: n[1], ReceiveErrors: n[2], ReceiveDrops: n[3],
		SentBytes: n[4], SentPackets: n[5], SendErrors: n[6], SendDrops: n[7],
	}
	return nil
}
