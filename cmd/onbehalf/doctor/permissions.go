package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"onbehalf/admin"
	"onbehalf/cmd/onbehalf/access"
)

// permissions asks the daemon which files it may not use. Where no daemon can say so, modes and
// owners are judged.
func (d *doctor) permissions() {
	files := access.Files(d.Path, d.Config)
	who, refused, by := d.askDaemon(files)
	if who == nil {
		if who, refused = d.judgeModes(files); who == nil {
			return
		}
		by = "by mode and owner, because no daemon was there to ask"
	}
	for _, f := range gather(refused, who) {
		d.add(f)
	}
	d.granted(files, refused, who, by)
}

// askDaemon asks a daemon that runs with this configuration.
func (d *doctor) askDaemon(files []access.File) (who *access.User, refused []denied, by string) {
	var doc admin.Files
	main, _ := filepath.Abs(d.Path)
	if d.AskFiles == nil || d.AskFiles(&doc) != nil || doc.File != main {
		return nil, nil, ""
	}
	who, err := access.Lookup(doc.User)
	if err != nil {
		return nil, nil, ""
	}
	said := make(map[string]string)
	for _, one := range doc.Denied {
		said[one.Path] = one.Error
	}
	for _, f := range files {
		text, is := said[f.Path]
		switch _, err := os.Stat(f.Path); {
		case !is:
		case !errors.Is(err, fs.ErrNotExist):
			refused = append(refused, denied{f, errors.New(text)})
		case f.Mode&access.Write != 0: // the others are reported with the configuration
			refused = append(refused, denied{f, fs.ErrNotExist})
		}
	}
	return who, refused, "so the daemon says"
}

// judgeModes goes by modes and owners alone. Nil: it is not known whose they should be, and that
// is said.
func (d *doctor) judgeModes(files []access.File) (*access.User, []denied) {
	who, err := access.Lookup(d.User)
	if err != nil {
		d.skip("files were not tried as the user that the daemon runs as", err.Error(), "name that user: onbehalf doctor --user NAME")
		return nil, nil
	}
	var refused []denied
	for _, f := range files {
		b, err := f.Barrier(who)
		switch {
		case errors.Is(err, fs.ErrNotExist) && f.Mode&access.Write == 0:
		case errors.Is(err, fs.ErrPermission):
			d.skip("not all files could be looked at", cause(err), "run onbehalf doctor as root")
		case err != nil:
			refused = append(refused, denied{f, err})
		case b != nil:
			refused = append(refused, denied{f, fs.ErrPermission})
		}
	}
	return who, refused
}

// granted says what the user can do, and no more: files that are not there were not tried.
func (d *doctor) granted(files []access.File, refused []denied, who *access.User, by string) {
	barred := make(map[string]bool)
	for _, one := range refused {
		barred[one.Path] = true
	}
	read, which := 0, "all"
	if len(refused) > 0 {
		which = "the other"
	}
	for _, f := range files {
		switch _, err := os.Stat(f.Path); {
		case err != nil || barred[f.Path]:
		case f.Mode&access.Write != 0:
			d.ok("user %s can write to %s, %s", who.Name, f.What, f.Path)
		default:
			read++
		}
	}
	if read > 0 {
		d.ok("user %s can read %s %d files and folders of configuration, secrets, keys and state (%s)", who.Name, which, read, by)
	}
}

// cause is what the system said, without the name of the file.
func cause(err error) string {
	if failed := new(fs.PathError); errors.As(err, &failed) {
		err = failed.Err
	}
	return err.Error()
}
