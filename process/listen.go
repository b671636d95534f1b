package process

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/hale-go/hale/internal/unixfile"
)

// Listen returns a listener on an address, as [net.Listen] does: the one that the parent
// passed for it, if there is one, with the connections that wait in it, else a new one,
// which the parent is given to keep for whoever comes after this process. network is tcp,
// tcp4, tcp6 or unix.
//
// A passed socket fits if its name is [Name] of the address, or if it is bound to it. Call
// Listen before [Ready], which closes what nobody has asked for. Closing the listener ends
// it for this process, until that asks for the address again; the parent goes on keeping it.
// An address that is taken, and other failures, give the error of [net.Listen].
func Listen(network, address string) (net.Listener, error) {
	if err := supported(network, "tcp", "tcp4", "tcp6", "unix"); err != nil {
		return nil, err
	}
	inherited.mu.Lock()
	defer inherited.mu.Unlock()
	l, name, found, err := claim(network, address, openListener)
	switch {
	case err != nil:
		return nil, err
	case !found:
		listen := func() (net.Listener, error) {
			return new(net.ListenConfig).Listen(context.Background(), network, address)
		}
		l, err = unixfile.Listen(network, address, listen)
		if err != nil {
			return nil, err
		}
		if !keep(name, l) {
			return l, nil
		}
	}
	keepPath(l)
	return l, nil
}

// ListenPacket is [Listen] for networks of packets: udp, udp4, udp6 or unixgram. A packet
// goes to one of the processes that have the socket, so stop reading from it when the
// successor is ready.
func ListenPacket(network, address string) (net.PacketConn, error) {
	if err := supported(network, "udp", "udp4", "udp6", "unixgram"); err != nil {
		return nil, err
	}
	inherited.mu.Lock()
	defer inherited.mu.Unlock()
	c, name, found, err := claim(network, address, openPacket)
	if err != nil || found {
		return c, err
	}
	var lc net.ListenConfig
	if c, err = lc.ListenPacket(context.Background(), network, address); err != nil {
		return nil, err
	}
	keep(name, c)
	return c, nil
}

// keep gives the parent a socket to keep, and reports whether it was sent to one. That it
// could not be sent is no reason not to serve. inherited.mu is held.
func keep(name string, l any) (sent bool) {
	c, ok := l.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	failed := raw.Control(func(fd uintptr) { err = sendState("FDSTORE=1\nFDNAME="+name, patient, int(fd)) })
	if errors.Join(failed, err) != nil {
		return false
	}
	kept(name, c)
	return true
}
