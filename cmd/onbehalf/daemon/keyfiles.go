package daemon

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"onbehalf/config"
	"onbehalf/disk"
	"onbehalf/keys"
	"onbehalf/remedy"
)

// keyFile is a key file as it was read.
type keyFile struct {
	key   keys.Key
	err   error
	stamp disk.Stamp // before it was read; zero: it may change without a change of that
}

// readKeys reads each file once, on so many processors: checking an RSA key takes
// long enough that ten thousand would hold up a start. A reload takes over the keys
// whose files have not changed.
func (g *Generation) readKeys(before *Generation, processors int) {
	g.files = make(map[string]keyFile, len(g.Keys))
	for _, file := range g.Keys {
		g.files[file.Path] = keyFile{}
	}
	var mu sync.Mutex
	onEach(slices.Collect(maps.Keys(g.files)), processors, func(path string) {
		file := g.readKey(before, path)
		mu.Lock()
		defer mu.Unlock()
		g.files[path] = file
	})
	atOnce, later := g.toProve()
	onEach(atOnce, processors, func(key keys.Key) { key.Prove() })
	g.unproved = &backlog{keys: later}
}

// onEach calls f with each of them, on so many processors.
func onEach[T any](all []T, processors int, f func(T)) {
	waiting := make(chan T, len(all))
	for _, one := range all {
		waiting <- one
	}
	close(waiting)
	var workers sync.WaitGroup
	for range processors {
		workers.Go(func() {
			for one := range waiting {
				f(one)
			}
		})
	}
	workers.Wait()
}

// provedAtOnce is how many keys a start or reload proves before it takes effect: a tenth of a
// second of processor time. Of more it proves those of the platform, so that the engine is proved
// by keys that sign at once.
const provedAtOnce = 100

// toProve returns the keys that are not proved yet: which are to be at once, and which later.
func (g *Generation) toProve() (atOnce, later []keys.Key) {
	seen := make(map[string]bool)
	unproved := func(platform bool) (found []keys.Key) {
		for _, file := range g.Keys {
			key := g.files[file.Path].key
			if (file.Tenant == nil) == platform && !seen[file.Path] && key.Unproved() {
				seen[file.Path] = true
				found = append(found, key)
			}
		}
		return found
	}
	atOnce, later = unproved(true), unproved(false)
	if len(atOnce)+len(later) <= provedAtOnce {
		return append(atOnce, later...), nil
	}
	return atOnce, later
}

// readKey reads a file unless the generation before has read it as it is, for the same engine.
func (g *Generation) readKey(before *Generation, path string) keyFile {
	now := disk.StampOf(path)
	if before != nil && before.loader.Engine == g.loader.Engine {
		if known, found := before.files[path]; found && known.err == nil && known.stamp == now && now != (disk.Stamp{}) {
			return known
		}
	}
	if !now.Settled(time.Now()) {
		now = disk.Stamp{} // it is read again the next time
	}
	key, err := g.loader.Load(path)
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
	cause, fix := err.Error(), ""
	if refused := new(remedy.Error); errors.As(err, &refused) {
		cause, fix = cmp.Or(refused.Path, file.Path)+": "+refused.Cause, refused.Fix
	}
	f := file.Finding(level, cause, fix)
	f.Denied = errors.Is(err, fs.ErrPermission)
	return f
}
