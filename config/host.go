package config

import (
	"net"
	"net/netip"
	"os"
	"strings"

	"onbehalf/message"
)

// host is what this machine is called, and where it can be reached, as far as it knows
// without asking anybody.
type host struct {
	names map[message.Domain]bool
	addrs map[netip.Addr]bool
}

// thisHost asks the kernel and the files of Debian that name a mail host. Each of them may
// be missing.
func thisHost() *host {
	h := &host{map[message.Domain]bool{}, map[netip.Addr]bool{}}
	interfaces, _ := net.InterfaceAddrs()
	for _, one := range interfaces {
		if prefix, err := netip.ParsePrefix(one.String()); err == nil {
			h.addrs[prefix.Addr().Unmap()] = true
		}
	}
	name, _ := os.Hostname()
	h.addName(name)
	mailname, _ := os.ReadFile("/etc/mailname")
	h.addName(strings.TrimSpace(string(mailname)))
	hosts, _ := os.ReadFile("/etc/hosts")
	h.readHosts(string(hosts))
	return h
}

func (h *host) addName(name string) {
	if d, err := message.ParseDomain(name); err == nil {
		h.names[d] = true
	}
}

// readHosts takes the names of our own addresses from hosts(5). Debian writes the name of a
// machine without a fixed address beside 127.0.1.1.
func (h *host) readHosts(text string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		addr, err := netip.ParseAddr(words[0])
		if err != nil || !addr.IsLoopback() && !h.addrs[addr.Unmap()] {
			continue
		}
		for _, name := range words[1:] {
			h.addName(name)
		}
	}
}
