package postfix

import (
	"net"
	"slices"
	"strings"
)

// Door returns host:port on loopback where an smtpd takes mail of others without a login; empty:
// there is none.
func (c Configuration) Door() string {
	for _, s := range c.Services("smtpd", "postscreen") {
		address, inet := strings.CutSuffix(s.Name, "/inet")
		if !inet || slices.Contains(entries[2:], s.Name) || c.takesBack(s.Name) {
			continue
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			host, port = c.onLoopback(), address
		}
		if port == "smtp" {
			port = "25"
		}
		if host != "" && loopback("inet:"+net.JoinHostPort(host, port)) {
			return net.JoinHostPort(host, port)
		}
	}
	return ""
}

// onLoopback returns the address of loopback that is in inet_interfaces; empty: none.
func (c Configuration) onLoopback() string {
	for _, one := range c.list("inet_interfaces") {
		switch one {
		case "all", "loopback-only", "localhost", "127.0.0.1":
			return "127.0.0.1"
		}
	}
	return ""
}
