package config

import (
	"reflect"
	"slices"

	"onbehalf/disk"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Before is what an earlier load has come to, for the next one. A file of tenants_dir that has not
// changed is kept: not read again, and its tenants are those of before. Of a million tenants a reload
// then reads only those that somebody has changed, and makes no garbage of the others. The zero value:
// there was none.
type Before struct {
	Config *Config          // nil: all files are read
	Table  *tenant.Snapshot // has the Config's tenants
}

func (b Before) tenant(id string) *tenant.Tenant {
	if b.Table == nil {
		return nil
	}
	return b.Table.Tenant(id)
}

// tenantsFile is what a load has come to with a file of tenants_dir.
type tenantsFile struct {
	stamp    disk.Stamp
	from, to int      // of its tenants in Config.Tenants
	findings Findings // about each of them by itself
	counts   counts
}

// basis is what decides, beside a file, what its tenants are, and what is found about them.
type basis struct {
	platform tenant.Platform
	unsigned bool
}

func (l *loader) basis() basis {
	p := *l.config.Platform
	p.Identities, p.SRS = nil, tenant.SRS{}
	return basis{p, l.unsigned}
}

// keep decides which files are kept.
func (l *loader) keep(files []*document) {
	before := l.before.Config
	if before == nil || !reflect.DeepEqual(before.basis, l.config.basis) {
		return
	}
	stays := make([]bool, len(before.Tenants))
	for _, d := range files {
		l.pause()
		if was, found := before.files[d.file]; found && was.stamp == disk.OpenStamp(d.file) {
			d.kept, d.stamp = &was, was.stamp
			l.kept = append(l.kept, d)
			for i := was.from; i < was.to; i++ {
				stays[i] = true
			}
		}
	}
	l.dropped = make(map[*tenant.Tenant]bool)
	for i, t := range before.Tenants {
		if len(l.kept) > 0 && !stays[i] {
			l.pause()
			l.dropped[t] = true
		}
	}
}

// takeFile takes the tenants of a file of tenants_dir, and returns those that are to be checked
// against others.
func (l *loader) takeFile(d *document, read []*entry) []*entry {
	from, keys := len(l.config.Tenants), len(l.config.Keys)
	var all []*entry
	if d.kept != nil {
		all = l.keptTenants(d)
	} else {
		all = l.tenants(read)
	}
	if keys == len(l.config.Keys) && l.left == nil && d.stamp != (disk.Stamp{}) {
		l.config.files[d.file] = tenantsFile{d.stamp, from, len(l.config.Tenants), slices.Clone(d.findings), d.counts}
	}
	return all
}

// keptTenants takes the tenants of a file that is kept, and returns those that are not plain.
func (l *loader) keptTenants(d *document) []*entry {
	d.counts, d.findings = d.kept.counts, slices.Clone(d.kept.findings)
	for i := range d.findings {
		d.findings[i].at.file = d.rank
	}
	kept := l.before.Config.Tenants[d.kept.from:d.kept.to]
	l.config.Tenants = append(l.config.Tenants, kept...)
	var all []*entry
	for i, t := range kept {
		l.pause()
		if !isPlain(t) {
			e := &entry{doc: d, path: index("tenants", i), tenant: t}
			l.claimID(e)
			all = append(all, e)
		}
	}
	return all
}

// isPlain reports whether a tenant has nothing but its id and its domains that another tenant could
// claim, or that has to be looked at again when another one changes.
func isPlain(t *tenant.Tenant) bool {
	return t.ReturnPath.IsZero() && t.BouncesTo == message.Address{} && len(t.Submitters.Logins) == 0 && len(t.Submitters.Networks) == 0 &&
		len(t.Direct.Domains) == 0 && t.Direct.NextHop.IsZero()
}

// stays reports whether a tenant of before is a plain one in a file that is kept. Such a tenant has
// no entry among the claims. Where another one claims what is its own, all files are read: only that
// tells which line of which file has the mistake.
func (l *loader) stays(t *tenant.Tenant) bool {
	return t != nil && len(l.kept) > 0 && !l.dropped[t] && isPlain(t)
}

// staysNamed reports whether such a tenant has exactly this pattern among its domains.
func (l *loader) staysNamed(p tenant.Pattern) bool {
	return len(l.kept) > 0 && l.stays(l.before.Table.Named(p))
}

// overtaken reports whether a file that is kept, and about which something is found, has changed
// since: where it stands was looked up in the file as it is now, and may name another tenant.
func (l *loader) overtaken() bool {
	return slices.ContainsFunc(l.kept, func(d *document) bool { return len(d.findings) > 0 && disk.OpenStamp(d.file) != d.stamp })
}
