package doctor

import (
	"os"
	"path/filepath"

	"onbehalf/authorize"
	"onbehalf/config"
)

// permissions tries all files as the user that the daemon runs as.
func (d *doctor) permissions() {
	who, as := d.runUser()
	if who == nil {
		return
	}
	g := guise{who: who}
	if as {
		g.who = nil
	}
	wants := d.files()
	var granted []want
	var refused []refusal
	if err := g.try(func() { granted, refused = tryAll(wants) }); err != nil {
		d.skip("files were not tried as user "+who.name, err.Error(), "")
		return
	}
	for _, f := range gather(refused, who) {
		d.add(f)
	}
	d.granted(granted, who, len(refused) > 0)
}

// granted says what the user can do, and no more: files that are not there were not tried.
func (d *doctor) granted(wants []want, who *account, butSome bool) {
	read, which := 0, "all"
	if butSome {
		which = "the other"
	}
	for _, w := range wants {
		if w.mode&mayWrite != 0 {
			d.ok("user %s can write to %s, %s", who.name, w.what, w.path)
		} else {
			read++
		}
	}
	if read > 0 {
		d.ok("user %s can read %s %d files and folders of configuration, secrets, keys and state", who.name, which, read)
	}
}

// runUser gives the user to try as; ours tells that it is who we are already. Nil: nothing
// can be tried, and that is said.
func (d *doctor) runUser() (who *account, ours bool) {
	who, err := lookUp(d.User)
	if os.Geteuid() == 0 {
		if err != nil {
			d.skip("files were not tried as the user that the daemon runs as", err.Error(), "name that user: onbehalf doctor --user NAME")
			return nil, false
		}
		return who, false
	}
	if err == nil && int(who.uid) == os.Geteuid() {
		return who, true
	}
	me := UserName(uint32(os.Geteuid()))
	d.skip("files are tried as "+me+", not as "+d.User, "only root can try as somebody else", "run onbehalf doctor as root")
	who, err = lookUp(me)
	if err != nil {
		who = &account{name: me, uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	}
	return who, true
}

// want is a file, and what the daemon does with it.
type want struct {
	path string
	what string
	mode uint32
}

// files are all that the daemon touches.
func (d *doctor) files() []want {
	main, err := filepath.Abs(d.Path)
	if err != nil {
		main = d.Path
	}
	all := []want{{main, "the configuration", mayRead}}
	if d.Secrets != "" {
		all = append(all, want{d.Secrets, "the secrets", mayRead})
	}
	if d.Config.TenantsDir != "" {
		all = append(all, want{d.Config.TenantsDir, "the folder of tenants", mayRead | mayEnter})
	}
	for _, path := range d.tenantFiles() {
		all = append(all, want{path, "tenants", mayRead})
	}
	seen := make(map[string]bool)
	for _, key := range d.Config.Keys {
		if !seen[key.Path] {
			all = append(all, want{key.Path, "a key", mayRead})
		}
		seen[key.Path] = true
	}
	if d.Config.StateDir != "" {
		all = append(all, want{d.Config.StateDir, "state_dir", mayWrite | mayEnter},
			want{authorize.StoreIn(d.Config.StateDir).Path, "what is known of tenants' DNS", mayRead})
	}
	return all
}

// tenantFiles gives the files of tenants_dir that are read.
func (d *doctor) tenantFiles() []string {
	all, _, _ := config.TenantsFiles(d.Config.TenantsDir)
	return all
}
