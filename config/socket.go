package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"onbehalf/message"
	"onbehalf/remedy"
)

// Socket is a place to listen at. The zero Socket is none.
type Socket struct {
	Network string // unix or tcp, as net.Listen takes it
	Address string // a path, or host:port
}

// IsZero reports whether there is no socket.
func (s Socket) IsZero() bool { return s == Socket{} }

// String returns the socket as Postfix has it: unix:PATH or inet:HOST:PORT.
func (s Socket) String() string {
	switch s.Network {
	case "unix":
		return "unix:" + s.Address
	case "tcp":
		return "inet:" + s.Address
	}
	return ""
}

// MarshalText is String.
func (s Socket) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// maxSocketPath is what sun_path of unix(7) holds, without the final NUL.
const maxSocketPath = 107

// ParseSocket reads unix:PATH, a relative one from a folder, or inet:HOST:PORT, with brackets around
// an IPv6 address. The error says what to write.
func ParseSocket(folder, s string) (Socket, error) {
	family, rest, _ := strings.Cut(s, ":")
	switch {
	case !quotable(s):
	case family == "unix" && rest != "":
		path := rest
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		if len(path) > maxSocketPath {
			return Socket{}, remedy.New("choose a shorter one", "its path has %d bytes, the system allows %d", len(path), maxSocketPath)
		}
		return Socket{"unix", path}, nil
	case family == "inet" && rest != "":
		address, err := parseHostPort(rest)
		return Socket{"tcp", address}, err
	case strings.HasPrefix(s, "/"):
		return Socket{}, remedy.New("write unix:"+bare(s), "%s has no family", Quoted(s))
	}
	return Socket{}, remedy.New("write unix:/PATH or inet:HOST:PORT", "%s is not a socket", Quoted(s))
}

// parseHostPort reads HOST:PORT, and returns it as net.JoinHostPort writes it.
func parseHostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	switch {
	case err != nil && strings.Count(s, ":") > 1 && !strings.Contains(s, "["):
		return "", remedy.New("write an IPv6 address in brackets, [::1]:PORT", "%s has too many colons", Quoted(s))
	case err != nil || host == "":
		return "", remedy.New("write both, like 127.0.0.1:8465", "%s is not HOST:PORT", Quoted(s))
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", remedy.New("write a number from 1 to 65535", "%s is not a port", Quoted(port))
	}
	host, err = parseHost(host, strings.Contains(s, "["))
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

func parseHost(host string, bracketed bool) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.String(), nil
	}
	name, err := message.ParseDomain(host)
	if err != nil || bracketed || name.IsNumeric() || !quotable(host) {
		return "", remedy.New("write an IP address or a host name", "%s is neither an address nor a host name", Quoted(host))
	}
	return name.String(), nil
}

// sockets takes the three keys that name sockets.
func (l *loader) sockets(d *document, raw *rawFile) {
	c, taken := l.config, make(map[Socket]string)
	for i, text := range raw.Listen {
		if s := l.socket(d, index("listen", i), text, taken); !s.IsZero() {
			c.Listen = append(c.Listen, s)
			d.warnIfOpen(index("listen", i), s, "whoever reaches it can claim any client address and get mail signed")
		}
	}
	if len(raw.Listen) == 0 {
		d.fail("listen", "is empty", "name at least one socket: Postfix cannot reach the milter otherwise")
	}
	if raw.Socketmap != "" {
		c.Socketmap = l.socket(d, "socketmap", string(raw.Socketmap), taken)
		if c.Socketmap.Network == "tcp" {
			d.warn("socketmap", c.Socketmap.String()+" is not a unix socket: whenever the daemon restarts, Postfix defers mail", "write unix:/PATH")
		}
	}
	if raw.Admin != "" {
		c.Admin = l.socket(d, "admin", string(raw.Admin), taken)
		d.warnIfOpen("admin", c.Admin, "whoever reaches it gets an answer, because it asks for no password")
	}
}

// warnIfOpen warns of a socket that other hosts may reach.
func (d *document) warnIfOpen(path string, s Socket, danger string) {
	if s.Network == "tcp" && !isLoopback(s.Address) {
		d.warn(path, s.String()+" is not a loopback address: "+danger, "use a unix socket or 127.0.0.1")
	}
}

func isLoopback(hostPort string) bool {
	host, _, _ := net.SplitHostPort(hostPort)
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || host == "localhost"
}

func (l *loader) socket(d *document, path, text string, taken map[Socket]string) Socket {
	s, err := ParseSocket(l.folder, text)
	if err != nil {
		d.failBy(path, err, "")
		return Socket{}
	}
	if other := taken[s]; other != "" {
		d.fail(path, s.String()+" is also the socket of "+other, "use another one for each")
	}
	taken[s] = path
	return s
}

// servers takes addresses of DNS servers, of which people forget the port.
func (d *document) servers(path string, texts []string) []string {
	var servers []string
	for i, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			d.fail(index(path, i), text+" has no port", "write "+net.JoinHostPort(addr.String(), "53"))
			continue
		}
		server, err := parseHostPort(text)
		if err != nil {
			d.failBy(index(path, i), err, "")
			continue
		}
		servers = append(servers, server)
	}
	return servers
}
