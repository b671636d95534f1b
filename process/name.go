package process

import (
	"fmt"
	"hash/fnv"
	"net"
	"strconv"
	"strings"
)

// mostName is how much of an address is in the name of a socket, so that there is room for a
// hash and a number within systemd's bound of 255.
const mostName = 230

// Name returns under which name a parent keeps the socket of an address: "tcp=0.0.0.0=8080".
// systemd allows no colon in it. It is what "hale run --listen" calls its sockets by. Where
// another address would have the same name, as of a path with a space in it, the end of the
// name is made of a hash.
func Name(network, address string) string {
	text, exact := network+":"+address, true
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == ':':
			return '='
		case r == '=', r == '~': // see nth
			exact = false
		case r <= ' ' || r > '~':
			exact = false
			return '_'
		}
		return r
	}, text)
	if exact && len(clean) <= mostName {
		return clean
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // it never fails
	return fmt.Sprintf("%s~%016x", clean[:min(len(clean), mostName)], h.Sum64())
}

// nth is the name of the n-th socket, from 0, that is asked for by the same one: several
// of port 0 are several sockets.
func nth(name string, n int) string {
	if n == 0 {
		return name
	}
	return name + "~" + strconv.Itoa(n+1)
}

// sameAddress reports whether a socket that is bound to one address is what is asked for by
// another. Port 0 asks for any that is free, which no socket is bound to.
func sameAddress(bound net.Addr, network, address string) bool {
	switch at := bound.(type) {
	case *net.TCPAddr:
		want, err := net.ResolveTCPAddr(network, address)
		return err == nil && strings.HasPrefix(network, "tcp") && sameHost(at.IP, want.IP) && at.Port == want.Port
	case *net.UDPAddr:
		want, err := net.ResolveUDPAddr(network, address)
		return err == nil && strings.HasPrefix(network, "udp") && sameHost(at.IP, want.IP) && at.Port == want.Port
	case *net.UnixAddr:
		return at.Net == network && at.Name == address
	}
	return false
}

// sameHost compares addresses of hosts; all that mean every host are the same.
func sameHost(a, b net.IP) bool {
	every := func(ip net.IP) bool { return len(ip) == 0 || ip.IsUnspecified() }
	return every(a) && every(b) || a.Equal(b)
}

// supported reports why a network is none that sockets can be kept of.
func supported(network string, all ...string) error {
	for _, one := range all {
		if network == one {
			return nil
		}
	}
	return fmt.Errorf("hale: process: the network %q is none of %s", network, strings.Join(all, ", "))
}
