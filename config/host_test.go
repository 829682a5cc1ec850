package config

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/tenant"
)

// TestThisHost holds that a next hop may be none of this machine's names and addresses.
func TestThisHost(t *testing.T) {
	h := &host{map[message.Domain]bool{}, map[netip.Addr]bool{netip.MustParseAddr("192.0.2.70"): true}}
	h.readHosts("# 127.0.0.1 comment.example\n127.0.0.1 localhost\n127.0.1.1\tmail.courseware.nl mail # the host\n" +
		"192.0.2.70 vps12.hoster.example\n192.0.2.71 other.example\nnonsense\n\n::1 ip6-loopback\n")
	for name, ours := range map[string]bool{
		"mail.courseware.nl": true, "mail": true, "vps12.hoster.example": true, "ip6-loopback": true,
		"other.example": false, "comment.example": false,
	} {
		if d, err := message.ParseDomain(name); err != nil || h.names[d] != ours {
			t.Errorf("%s is this host: %v, want %v (%v)", name, h.names[d], ours, err)
		}
	}
}

func TestNextHopIsThisHost(t *testing.T) {
	l := &loader{config: &Config{Platform: &tenant.Platform{}}}
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil || len(addrs) == 0 {
		t.Fatal("this machine has no address", err)
	}
	hops := []string{"[" + name + "]:25", strings.ToUpper(name) + ":2525"}
	for _, addr := range addrs {
		hops = append(hops, netip.MustParsePrefix(addr.String()).Addr().WithZone("").String())
	}
	for _, text := range hops {
		hop, err := tenant.ParseNextHop(text)
		if err != nil || l.ownHop(hop) != "this host" {
			t.Errorf("%s is %q (%v)", text, l.ownHop(hop), err)
		}
	}
}
