package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/config"
	"onbehalf/keys"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

// loaded is one generation of configuration, keys and tenant table. A reload makes
// another aside and swaps the pointer.
type loaded struct {
	*config.Config
	table  *tenant.Table
	ring   *keys.Ring
	files  map[string]keyFile // by path
	loader keys.Loader        // that the ring's keys came by

	resolver *resolve.Client // nil until the daemon watches by it
	kept     *authorize.Kept // likewise: what DNS answered last
}

// load is the one way from files to a table to serve by: start, reload,
// check-config and all other commands use it. When the findings are fatal there is
// no loaded.
func load(path string) (*loaded, config.Findings) {
	return loadAfter(nil, path, func(*config.Config) keys.Loader { return keys.Loader{} })
}

// loadAfter loads again what another generation (nil: none) was loaded from. A daemon has a
// loader that makes its keys sign fast; commands, which sign nothing, have none.
func loadAfter(before *loaded, path string, loader func(*config.Config) keys.Loader) (*loaded, config.Findings) {
	if before == nil {
		conf, findings := config.Load(path, os.Environ())
		return finish(path, nil, conf, findings, loader, runtime.GOMAXPROCS(0), func() {})
	}
	pause := breather()
	conf, findings := config.LoadBeside(path, os.Environ(), pause)
	return finish(path, before, conf, findings, loader, 1, pause)
}

// finish adds keys and table to a configuration.
func finish(path string, before *loaded, conf *config.Config, findings config.Findings,
	loader func(*config.Config) keys.Loader, processors int, pause func()) (*loaded, config.Findings) {
	now := &loaded{Config: conf, ring: new(keys.Ring), loader: loader(conf)}
	now.readKeys(before, processors)
	for i := range conf.Keys {
		findings = append(findings, addKey(now.ring, &conf.Keys[i], now.files[conf.Keys[i].Path])...)
	}
	conf.Identify(now.ring.Held)
	findings = append(findings, rareOnly(conf)...)
	findings = append(findings, rivalPaths(conf)...)
	findings = append(findings, deafDirect(path, conf)...)
	findings.Sort()
	findings = findings.Limited()
	if findings.Fatal() {
		return nil, findings
	}
	var err error
	if now.table, err = tenant.NewTableBeside(conf.Platform, conf.Tenants, pause); err != nil {
		return nil, append(findings, config.Finding{File: path, Cause: err.Error(), Remedy: "report this as a bug of onbehalf"})
	}
	return now, findings
}

// keyFile is a key file as it was read.
type keyFile struct {
	key   keys.Key
	err   error
	stamp stamp
}

// stamp is what changes with a file: its inode, size and times, of which the last,
// ctime, moves with its mode and owner too. The zero stamp is of no file.
type stamp struct {
	device, inode    uint64
	size             int64
	modified, status syscall.Timespec
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{}
	}
	return stamp{uint64(s.Dev), s.Ino, s.Size, s.Mtim, s.Ctim}
}

// readKeys reads each file once, on so many processors: checking an RSA key takes
// long enough that ten thousand would hold up a start. A reload takes over the keys
// whose files have not changed.
func (l *loaded) readKeys(before *loaded, processors int) {
	l.files = make(map[string]keyFile, len(l.Keys))
	for _, file := range l.Keys {
		l.files[file.Path] = keyFile{}
	}
	var mu sync.Mutex
	var workers sync.WaitGroup
	paths := make(chan string, len(l.files))
	for path := range l.files {
		paths <- path
	}
	close(paths)
	for range processors {
		workers.Go(func() {
			for path := range paths {
				file := l.readKey(before, path)
				mu.Lock()
				l.files[path] = file
				mu.Unlock()
			}
		})
	}
	workers.Wait()
}

// readKey reads a file unless the generation before has read it as it is, for the same engine.
func (l *loaded) readKey(before *loaded, path string) keyFile {
	now := stampOf(path)
	if before != nil && before.loader.Engine == l.loader.Engine {
		if known, found := before.files[path]; found && known.err == nil && known.stamp == now {
			return known
		}
	}
	key, err := l.loader.Load(path)
	return keyFile{key, err, now}
}

// addKey puts a key into the ring under all its names. The platform must have its
// keys; a tenant without one is treated as not having published it.
func addKey(ring *keys.Ring, file *config.KeyFile, read keyFile) config.Findings {
	level := config.Error
	if file.Tenant != nil {
		level = config.Fault
	}
	if read.err != nil {
		file.Refused = file.Identities
		return config.Findings{keyFinding(*file, level, read.err)}
	}
	var findings config.Findings
	for _, id := range file.Identities {
		if err := ring.Add(id, read.key); err != nil {
			cause, fix := remedy.Of(err, "")
			findings = append(findings, file.Finding(level, cause, fix))
			file.Refused = append(file.Refused, id)
		}
	}
	if warning := read.key.Warning(); warning != "" {
		findings = append(findings, file.Finding(config.Warning, file.Path+": "+warning, ""))
	}
	return findings
}

func keyFinding(file config.KeyFile, level config.Level, err error) config.Finding {
	var refused *remedy.Error
	if !errors.As(err, &refused) {
		return file.Finding(level, err.Error(), "")
	}
	return file.Finding(level, cmp.Or(refused.Path, file.Path)+": "+refused.Cause, refused.Fix)
}

// rareOnly warns of who signs with Ed25519 alone: large receivers verify RSA only
// (RFC 8463 asks signers for both), and would see no signature.
func rareOnly(conf *config.Config) config.Findings {
	var findings config.Findings
	seen := make(map[*tenant.Tenant]bool)
	for _, file := range conf.Keys {
		ids := conf.Platform.Identities
		if file.Tenant != nil {
			ids = file.Tenant.Identities
		}
		if !seen[file.Tenant] && len(ids) > 0 && ids[0].Algorithm == tenant.Ed25519 { // RSA comes first
			findings = append(findings, file.Finding(config.Warning,
				"is an Ed25519 key without an RSA key beside it: many receivers verify RSA only", "add an RSA key"))
		}
		seen[file.Tenant] = true
	}
	return findings
}

// rivalPaths warns of tenants that share a domain (one has the name, the other all below it)
// and have a return path there each: a standing has room for one.
func rivalPaths(conf *config.Config) config.Findings {
	var findings config.Findings
	for _, c := range authorize.PathConflicts(conf.Tenants) {
		findings = append(findings, config.Finding{
			Level: config.Warning, Item: "tenant " + c.B.ID, Key: "return_path",
			Cause:  fmt.Sprintf("%s, and %s of tenant %s, are both for %s, and neither is relied on", c.B.ReturnPath, c.A.ReturnPath, c.A.ID, c.Domain),
			Remedy: "give both tenants one return path, or take one out",
		})
	}
	return findings
}

// deafDirect warns of direct domains while Postfix has nobody to ask for the way.
func deafDirect(path string, conf *config.Config) config.Findings {
	direct := 0
	for _, t := range conf.Tenants {
		if len(t.Direct.Domains) > 0 {
			direct++
		}
	}
	if direct == 0 || !conf.Socketmap.IsZero() {
		return nil
	}
	return config.Findings{{
		Level: config.Warning, File: path, Key: "socketmap",
		Cause:  fmt.Sprintf("is empty, so Postfix cannot ask where mail for direct domains goes, and delivers it by MX (tenants with direct: %d)", direct),
		Remedy: "write socketmap: " + config.DefaultSocketmap.String() + " and restart",
	}}
}
