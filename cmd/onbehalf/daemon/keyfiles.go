package daemon

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"onbehalf/config"
	"onbehalf/keys"
	"onbehalf/remedy"
)

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
func (g *Generation) readKeys(before *Generation, processors int) {
	g.files = make(map[string]keyFile, len(g.Keys))
	for _, file := range g.Keys {
		g.files[file.Path] = keyFile{}
	}
	var mu sync.Mutex
	var workers sync.WaitGroup
	paths := make(chan string, len(g.files))
	for path := range g.files {
		paths <- path
	}
	close(paths)
	for range processors {
		workers.Go(func() {
			for path := range paths {
				file := g.readKey(before, path)
				mu.Lock()
				g.files[path] = file
				mu.Unlock()
			}
		})
	}
	workers.Wait()
}

// readKey reads a file unless the generation before has read it as it is, for the same engine.
func (g *Generation) readKey(before *Generation, path string) keyFile {
	now := stampOf(path)
	if before != nil && before.loader.Engine == g.loader.Engine {
		if known, found := before.files[path]; found && known.err == nil && known.stamp == now {
			return known
		}
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
