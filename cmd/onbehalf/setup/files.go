package setup

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"onbehalf/disk"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// group is who the daemon runs as.
const group = "onbehalf"

// Maker makes the files that are missing. What is there it leaves alone.
type Maker struct {
	Paths
	Say func(format string, args ...any)
}

// Ready reports whether files can be made, before anything is asked.
func (p Paths) Ready() error {
	folder := filepath.Dir(p.Config)
	err := unix.Access(folder, unix.W_OK|unix.X_OK)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist; create it (install -d -m 0750 %s), or correct --config", folder, folder)
	case err != nil && os.Geteuid() != 0:
		return fmt.Errorf("%s cannot be written to: %w; run setup as root", folder, err)
	case err != nil:
		return fmt.Errorf("%s cannot be written to: %w", folder, err)
	}
	return nil
}

// Make makes folders, keys, secret and configuration, in this order: the configuration
// comes last, when all that it names is there and check has found nothing wrong.
func (m Maker) Make(a Answers, check func(path string) error) error {
	for _, folder := range []string{m.Keys, m.Tenants} {
		if err := m.folder(folder); err != nil {
			return err
		}
	}
	for i, name := range keyNames(a) {
		if err := m.key(filepath.Join(m.Keys, name), []tenant.Algorithm{tenant.RSA, tenant.Ed25519}[i]); err != nil {
			return err
		}
	}
	if err := m.secret(); err != nil {
		return err
	}
	return m.configuration(m.Text(a), check)
}

func (m Maker) folder(path string) error {
	err := os.Mkdir(path, 0o750)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		m.Say("made %s", path)
		err = give(path, m.gid())
	}
	return err
}

// key makes a key, unless a good one is there.
func (m Maker) key(path string, algorithm tenant.Algorithm) error {
	_, err := keys.Load(path)
	if err == nil {
		m.Say("kept %s", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := keys.Generate(algorithm, 0)
	if err != nil {
		return err
	}
	if err := keys.Create(path, key); err != nil {
		return err
	}
	m.Say("made %s, an %s key", path, map[tenant.Algorithm]string{tenant.RSA: "RSA", tenant.Ed25519: "Ed25519"}[algorithm])
	return give(path, m.gid())
}

// secret makes the file of secrets with one of 256 bits, unless there is one.
func (m Maker) secret() error {
	if _, err := os.Lstat(m.Secrets); err == nil {
		m.Say("kept %s", m.Secrets)
		return nil
	}
	octets := make([]byte, 32)
	rand.Read(octets)
	draft, err := m.draft(m.Secrets, base64.StdEncoding.EncodeToString(octets)+"\n", 0o640)
	if err != nil {
		return err
	}
	defer os.Remove(draft)
	if err := os.Link(draft, m.Secrets); err != nil { // unlike a rename it never overwrites
		return err
	}
	m.Say("made %s", m.Secrets)
	return disk.SyncFolder(filepath.Dir(m.Secrets))
}

// configuration puts the text in place when check has read it under another name and
// found it good.
func (m Maker) configuration(text string, check func(path string) error) error {
	target := m.Config
	if real, err := filepath.EvalSymlinks(target); err == nil {
		target = real // what a link leads to is replaced, not the link
	}
	draft, err := m.draft(target, text, 0o644) // it holds no secret, and support may read it
	if err != nil {
		return err
	}
	defer os.Remove(draft)
	if err := check(draft); err != nil {
		return err
	}
	if err := os.Rename(draft, target); err != nil {
		return err
	}
	m.Say("wrote %s", m.Config)
	return disk.SyncFolder(filepath.Dir(target))
}

// draft writes a new file beside the path, with a mode and the daemon's group.
func (m Maker) draft(path, text string, mode os.FileMode) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".setup-*")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = give(f.Name(), m.gid())
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// gid returns the daemon's group; where there is none yet, that of the folder, which
// who made it has chosen.
func (p Paths) gid() int {
	if g, err := user.LookupGroup(group); err == nil {
		if gid, err := strconv.Atoi(g.Gid); err == nil {
			return gid
		}
	}
	info, err := os.Stat(filepath.Dir(p.Config))
	if err != nil {
		return -1
	}
	if folder, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(folder.Gid)
	}
	return -1
}

// give hands a file to the group. Who is not root keeps it: it is a trial then.
func give(path string, gid int) error {
	err := os.Chown(path, -1, gid)
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return nil
	}
	return err
}
