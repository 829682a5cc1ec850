package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"onbehalf/cmd/onbehalf/access"
)

// denied is a file that the daemon may not use as it has to, and what the system says.
type denied struct {
	access.File
	err error
}

// gather makes one finding of all that one thing bars: ten thousand keys are in one folder.
func gather(all []denied, who *access.User) []Finding {
	var findings []Finding
	files := make(map[string][]string)
	of := func(f Finding) string { return f.Why + strings.Join(f.Commands, "") }
	for _, one := range all {
		f := one.finding(who)
		if files[of(f)] == nil {
			findings = append(findings, f)
		}
		files[of(f)] = append(files[of(f)], one.What+", "+one.Path)
	}
	for i, f := range findings {
		const most = 4
		barred := files[of(f)]
		if more := len(barred) - most; more > 0 {
			barred = append(barred[:most:most], fmt.Sprintf("%d more", more))
		}
		findings[i].What += strings.Join(barred, "; ")
	}
	return findings
}

// finding leaves out at the end of What which file it is about.
func (d denied) finding(who *access.User) Finding {
	f := Finding{Level: Error, What: fmt.Sprintf("user %s cannot read ", who.Name), Why: d.err.Error()}
	if d.Mode&access.Write != 0 {
		f.What = fmt.Sprintf("user %s cannot write to ", who.Name)
		f.Fix = "give it to the daemon: otherwise what DNS has shown is lost at each restart"
	}
	if errors.Is(d.err, fs.ErrNotExist) {
		f.Why = "it is not there"
		f.Commands = []string{fmt.Sprintf("install -d -m 0750 -o %s -g %s %s", who.Name, access.GroupName(int(who.GID)), d.Path)}
		return f
	}
	why, b := d.Explain(who)
	if f.Why = why; b != nil {
		f.Fix = cmp.Or(f.Fix, map[bool]string{true: "let it pass", false: "give it to the daemon's group, and to no other user"}[b.Folder])
		f.Commands = []string{d.open(who, b)}
	}
	return f
}

// open returns the command that takes a barrier away for one user, and for no others where it
// guards a secret: files keep to owner and group, and so does the folder that they are in.
func (d denied) open(who *access.User, b *access.Barrier) string {
	group := access.GroupName(int(who.GID))
	switch {
	case b.Folder && b.Path == filepath.Dir(d.Path) && b.Group == 0:
		return fmt.Sprintf("chgrp %s %s && chmod g+rx %[2]s", group, b.Path)
	case b.Folder:
		return fmt.Sprintf("chmod o+x %s", b.Path)
	case d.Mode&access.Write != 0:
		return fmt.Sprintf("chown %s:%s %s && chmod u+rwx %[3]s", who.Name, group, b.Path)
	case d.Mode&access.Enter != 0:
		return fmt.Sprintf("chgrp %s %s && chmod 0750 %[2]s", group, b.Path)
	}
	return fmt.Sprintf("chgrp %s %s && chmod 0640 %[2]s", group, b.Path)
}
