package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"syscall"

	"onbehalf/tenant"
)

// loader is one load under way.
type loader struct {
	config     *Config
	documents  []*document // in the order in which their findings are given
	folder     string      // of the main file; relative paths start there
	claims     claims
	own        ownDomains
	processors int    // how many files are read side by side
	pause      func() // see LoadBeside
	// trustKnown reports whether all of trust.networks could be read.
	trustKnown bool
	unsigned   bool                      // platform.dkim names no key
	host       *host                     // this one; nil: not looked at yet
	nextHops   map[tenant.NextHop]*entry // by Server: the tenant with the strictest TLS
	left       *leftOut                  // nil: nothing is left out
	before     Before
	kept       []*document             // files that are not read again
	dropped    map[*tenant.Tenant]bool // those before that are in none of kept
	disputed   bool                    // something is claimed by a tenant in one of kept too
}

// document adds a file.
func (l *loader) document(path string) *document {
	d := &document{file: path, rank: 2 * len(l.documents), pause: l.pause} // the environment has the odd one
	l.documents = append(l.documents, d)
	return d
}

func (l *loader) load(path string, env []string) {
	l.folder = filepath.Dir(path)
	main := l.document(path)
	if !main.read() {
		return
	}
	var raw rawFile
	inMain := l.readMain(main, env, &raw)
	files := l.tenantsDir(main, &raw)
	l.general(main, &raw)
	l.platform(main, &raw)
	l.own = newOwnDomains(l.config.Platform.Domains)
	l.config.basis = l.basis()
	l.keep(files)
	tenants := l.tenants(inMain)
	readTenants(files, l.processors, func(d *document, read []*entry) {
		tenants = append(tenants, l.takeFile(d, read)...)
	})
	l.metrics(main, raw.Metrics)
	for _, e := range tenants {
		l.pause()
		l.checkAgainstOthers(e)
	}
	l.checkBouncesTo(main, "platform.bounces_to", l.config.Platform.BouncesTo)
	for _, e := range tenants {
		l.pause()
		l.checkBouncesTo(e.doc, e.path+".bounces_to", e.tenant.BouncesTo)
		l.checkOwnership(e)
		l.checkNextHop(e)
	}
}

// tenants takes tenants that were read, each by itself, and returns those that are not left out.
func (l *loader) tenants(read []*entry) []*entry {
	all := l.left.remove(read)
	for _, e := range all {
		l.pause()
		l.tenant(e)
	}
	return all
}

// readMain reads the main file, lays the environment over it, and returns the tenants
// in it.
func (l *loader) readMain(main *document, env []string, raw *rawFile) []*entry {
	s := schemaOf(reflect.TypeFor[rawFile]())
	file, _ := s.read(main, "", main.root)
	values, _ := file.(map[string]any)
	tenants := tenantsOf(s, values)
	s.fill(reflect.ValueOf(raw).Elem(), layered(values, s.environ(main, env)))
	return entries(main, tenants)
}

// entry is one tenant as it is written, and where.
type entry struct {
	doc    *document
	path   string     // "tenants[3]"
	raw    *rawTenant // nil: freed, when it has become tenant
	tenant *tenant.Tenant
	places []int // in domains: of each of tenant.Domains; nil, of a kept one: as they stand
}

// domainPath returns the path of one of tenant.Domains.
func (e *entry) domainPath(i int) string {
	if e.places != nil {
		i = e.places[i]
	}
	return index(e.path+".domains", i)
}

func entries(d *document, raw []rawTenant) []*entry {
	all := make([]*entry, len(raw))
	for i := range raw {
		all[i] = &entry{doc: d, path: index("tenants", i), raw: &raw[i]}
	}
	return all
}

// general takes what is neither the platform nor a tenant.
func (l *loader) general(d *document, raw *rawFile) {
	c := l.config
	l.sockets(d, raw)
	c.StateDir = l.folderAt(d, "state_dir", raw.StateDir)
	c.KeysDir = l.folderAt(d, "keys_dir", raw.KeysDir)
	d.refuseIfOpen("keys_dir", c.KeysDir)
	c.Log = Log{
		Level:     logLevel(d, raw.Log.Level),
		Format:    choice(d, "log.format", raw.Log.Format, "text", "json"),
		Addresses: raw.Log.Addresses,
	}
	c.Engine = choice(d, "signing.engine", raw.Signing.Engine, "auto", "openssl", "go")
	c.Limits = Limits{Connections: raw.Limits.Connections, Memory: d.memory("limits.memory", raw.Limits.Memory)}
	if n := c.Limits.Connections; n < minConnections || n > maxConnections {
		d.fail("limits.connections", fmt.Sprintf("%d is not between %d and %d", n, minConnections, maxConnections), "write how many SMTP sessions Postfix may have at once")
	}
	c.DNS = DNS{
		Servers:      d.servers("dns.servers", raw.DNS.Servers),
		Timeout:      d.positive("dns.timeout", raw.DNS.Timeout),
		MaxPerSecond: raw.DNS.MaxPerSecond,
		PendingEvery: d.positive("dns.pending_every", raw.DNS.PendingEvery),
		ActiveEvery:  d.positive("dns.active_every", raw.DNS.ActiveEvery),
		DemoteAfter:  d.notNegative("dns.demote_after", raw.DNS.DemoteAfter),
	}
	c.HistoryKeep = d.daysAtLeast("history.keep", raw.History.Keep)
	c.Events = l.events(d, raw.Events)
	if raw.DNS.MaxPerSecond < 1 {
		d.fail("dns.max_per_second", "allows no lookup", "write 1 or more")
	}
}

// What limits.connections may be: each takes some 40 KiB and a file descriptor.
const (
	minConnections = 10
	maxConnections = 100_000
)

func (l *loader) folderAt(d *document, path, name string) string {
	if name == "" {
		d.fail(path, "is empty", "name a folder")
	}
	return l.pathAt(d, path, name, l.folder)
}

// pathAt takes the name of a file or folder that is relative to a folder. What looks like a key or
// secret and names nothing is no name, and is not used as one: it would stand in errors and logs.
func (l *loader) pathAt(d *document, path, name, folder string) string {
	if name == "" {
		return ""
	}
	whole := name
	if !filepath.IsAbs(name) {
		whole = filepath.Join(folder, name)
	}
	_, err := os.Stat(whole)
	if (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG)) && !quotable(name) {
		d.fail(path, Quoted(name)+" is not the name of a file or folder", "write the name alone; if it is a key or secret and others may have read it, replace it")
		d.void(path)
		return ""
	}
	return whole
}

func logLevel(d *document, word string) (level slog.Level) {
	level.UnmarshalText([]byte(choice(d, "log.level", word, "debug", "info", "warn", "error")))
	return level
}
