package daemon

import (
	"slices"
	"time"

	"onbehalf/authorize/resolve"
	"onbehalf/disk"
)

// servers are the DNS servers that a generation asks.
type servers struct {
	client *resolve.Client
	none   error      // why there are none; nil: there are
	system disk.Stamp // of the system's file that names them; zero: there is none, or the configuration names them
}

// findServers finds the servers of a generation. That there are none is no reason not to start,
// or to refuse a reload: mail is decided by what is known, and the system may name some later.
func (g *Generation) findServers() servers {
	found := servers{}
	if g.asksSystem() {
		found.system = disk.StampOf(resolve.SystemConfig) // first: what changes from here on is seen
	}
	if found.client, found.none = g.NewResolver(); found.none != nil {
		found.client = resolve.Without(found.none)
	}
	return found
}

// asksSystem reports whether the system names the servers.
func (g *Generation) asksSystem() bool { return len(g.DNS.Servers) == 0 }

// followEvery is how often it is looked whether the system names other servers.
const followEvery = 2 * time.Second

// followServers asks the servers that the system names now, if those have changed. Only the
// goroutine of reloads calls it.
func (d *daemon) followServers() {
	now := d.current.Load()
	if !now.asksSystem() || disk.StampOf(resolve.SystemConfig) == now.dns.system {
		return
	}
	next := *now
	next.dns = now.findServers()
	if next.dns.sameAs(now.dns) {
		next.dns.client, next.dns.none = now.dns.client, now.dns.none // with its count of questions a second
		d.current.Store(&next)
		return
	}
	if err := d.ending.unless(func() error { return d.watcher.Adopt(&next) }); err != nil {
		return // it ends, or comes again
	}
	d.current.Store(&next)
	d.logServers()
	d.watcher.Retry()
}

func (s servers) sameAs(other servers) bool {
	return slices.Equal(s.client.Servers(), other.client.Servers()) && (s.none == nil) == (other.none == nil) &&
		(s.none == nil || s.none.Error() == other.none.Error())
}

// asksAnybody reports whether there is anything to ask: a host where no tenant's DNS decides may
// have none at all.
func (g *Generation) asksAnybody() bool { return g.survey.auto }

// logServers says whom the system names, where it does.
func (d *daemon) logServers() {
	switch now := d.current.Load(); {
	case !now.asksAnybody():
	case now.dns.none != nil:
		d.log.Error("there is no DNS server to ask, all standings stay as they are", "error", now.dns.none,
			"remedy", "name servers in "+resolve.SystemConfig+", which is read again when it changes, or in dns.servers, and reload")
	case now.asksSystem():
		d.log.Info("DNS servers of the system", "servers", now.dns.client.Servers())
	}
}
