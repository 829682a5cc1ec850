package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"onbehalf/remedy"
)

// Metrics say who may read the daemon's metrics, beside those who may ask at the admin socket.
type Metrics struct {
	Listen  Socket   // over TCP; zero: nobody
	Tenants []string // ids of those that have series of their own, each once
}

// maxFollowed is how many tenants may have series of their own, of which each has twenty.
const maxFollowed = 100

// metrics takes what is right. Nothing in it is worth a start that is refused: mail goes on without.
func (l *loader) metrics(d *document, raw rawMetrics) {
	c := &l.config.Metrics
	if raw.Listen != "" {
		c.Listen = l.metricsSocket(d, string(raw.Listen))
	}
	for i, id := range raw.Tenants {
		switch {
		case l.claims.ids[id] == nil && !l.stays(l.before.tenant(id)):
			d.warn(index("metrics.tenants", i), "there is no tenant "+Quoted(id), "write the id of a tenant")
		case slices.Contains(c.Tenants, id):
			d.warn(index("metrics.tenants", i), id+" is named twice", "keep one")
		case len(c.Tenants) == maxFollowed:
			d.warn("metrics.tenants", fmt.Sprintf("names more than %d tenants; those after %s have no series", maxFollowed, id), "name those that you watch")
			return
		default:
			c.Tenants = append(c.Tenants, id)
		}
	}
}

func (l *loader) metricsSocket(d *document, text string) Socket {
	const path = "metrics.listen"
	s, err := ParseSocket(l.folder, text)
	switch {
	case err != nil:
		cause, _ := remedy.Of(err, "")
		d.warn(path, cause+", so that no scraper is answered", "write inet:127.0.0.1:9465")
		return Socket{}
	case s.Network != "tcp":
		d.warn(path, s.String()+" is not inet:HOST:PORT, so that no scraper is answered", "write inet:127.0.0.1:9465; by a unix socket, the admin socket has /metrics")
		return Socket{}
	}
	host, _, _ := net.SplitHostPort(s.Address)
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsUnspecified() {
		d.warn(path, s.String()+" is every address of this host, also those that the Internet reaches", "name the address that the scraper asks")
	}
	return s
}
