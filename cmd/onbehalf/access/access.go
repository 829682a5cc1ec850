// Package access has the list of files that the daemon needs, and tries them. The daemon does so
// when it is asked, as the user that it runs as; onbehalf doctor asks it, or judges by modes.
package access

import (
	"cmp"
	"os"
	"path/filepath"
	"syscall"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"

	"onbehalf/config"
	"onbehalf/disk"
	"onbehalf/store"
)

// Permissions, as in one digit of a mode.
const (
	Read  = 4
	Write = 2
	Enter = 1
)

// File is a file or folder, and what the daemon does with it.
type File struct {
	Path string
	What string // it is
	Mode uint32 // permissions that the daemon needs

	State bool // the daemon writes it
}

// Files returns all that the daemon touches, for a main file and what could be read of it.
func Files(main string, c *config.Config) []File {
	if absolute, err := filepath.Abs(main); err == nil {
		main = absolute
	}
	all := []File{{main, "the configuration", Read, false}}
	if secrets := Secrets(main); secrets != "" {
		all = append(all, File{secrets, "the secrets", Read, false})
	}
	if c.Events.SecretFile != "" {
		all = append(all, File{c.Events.SecretFile, "the secret of events", Read, false})
	}
	if c.TenantsDir != "" {
		all = append(all, File{c.TenantsDir, "the folder of tenants", Read | Enter, false})
		listed, _, _ := config.TenantsFiles(c.TenantsDir)
		for _, path := range listed {
			all = append(all, File{path, "tenants", Read, false})
		}
	}
	seen := make(map[string]bool)
	for _, key := range c.Keys {
		if !seen[key.Path] {
			all = append(all, File{key.Path, "a key", Read, false})
		}
		seen[key.Path] = true
	}
	if c.StateDir != "" {
		all = append(all, File{c.StateDir, "state_dir", Write | Enter, true}, File{store.Path(c.StateDir), "the state", Read, true})
	}
	return all
}

// Secrets returns the file of srs.secrets, of which the configuration keeps only what is in
// it; empty: the main file cannot be read.
func Secrets(main string) string {
	var file struct {
		SRS struct{ Secrets string }
	}
	text, err := disk.Read(main, config.MaxFile)
	if err != nil || yaml.Unmarshal(text, &file) != nil {
		return ""
	}
	secrets := cmp.Or(os.Getenv("ONBEHALF_SRS_SECRETS"), file.SRS.Secrets, config.DefaultSecrets)
	if !filepath.IsAbs(secrets) {
		secrets = filepath.Join(filepath.Dir(main), secrets)
	}
	return secrets
}

// Try opens what is to be read. Whether a folder can be written to is asked by access(2), which
// leaves nothing behind. The error is that of the system.
func (f File) Try() error {
	if f.Mode&Write != 0 {
		return unix.Access(f.Path, f.Mode)
	}
	file, err := os.OpenFile(f.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would wait
	if err != nil {
		return err
	}
	defer file.Close()
	if f.Mode&Enter != 0 {
		_, err = file.Readdirnames(-1)
	}
	return err
}
