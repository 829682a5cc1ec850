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
	who, why, by := d.askDaemon()
	if who == nil {
		who, why, by = d.judgeModes(files)
	}
	if who == nil {
		return
	}
	refused, granted := divide(files, why)
	for _, f := range gather(refused, who) {
		d.add(f)
	}
	read, which := 0, "all"
	if len(refused) > 0 {
		which = "the other"
	}
	for _, f := range granted {
		if f.Mode&access.Write != 0 {
			d.ok("user %s can write to %s, %s", who.Name, f.What, f.Path)
		} else {
			read++
		}
	}
	if read > 0 {
		d.ok("user %s can read %s %d files and folders of configuration, secrets, keys and state (%s)", who.Name, which, read, by)
	}
}

// askDaemon asks a daemon that runs with this configuration; nil: there is none.
func (d *doctor) askDaemon() (who *access.User, why map[string]error, by string) {
	var doc admin.Files
	main, _ := filepath.Abs(d.Path)
	if d.AskFiles == nil || d.AskFiles(&doc) != nil || doc.File != main {
		return nil, nil, ""
	}
	who, err := access.Lookup(doc.User)
	if err != nil {
		return nil, nil, ""
	}
	why = make(map[string]error)
	for _, one := range doc.Denied {
		why[one.Path] = errors.New(one.Error)
	}
	return who, why, "so the daemon says"
}

// judgeModes follows modes and owners alone; nil: it is not known whose they should be, and that
// is said.
func (d *doctor) judgeModes(files []access.File) (who *access.User, why map[string]error, by string) {
	who, err := access.Lookup(d.User)
	if err != nil {
		d.skip("files were not tried as the user that the daemon runs as", err.Error(), "name that user: onbehalf doctor --user NAME")
		return nil, nil, ""
	}
	why = make(map[string]error)
	for _, f := range files {
		switch b, err := f.Barrier(who); {
		case errors.Is(err, fs.ErrPermission):
			d.skip("not all files could be looked at", cause(err), "run onbehalf doctor as root")
		case b != nil:
			why[f.Path] = fs.ErrPermission
		}
	}
	return who, why, "by mode and owner, because no daemon was there to ask"
}

// divide tells refused files from the others. Those that are not there were not tried, and are
// reported with the configuration; what the daemon writes is not.
func divide(files []access.File, why map[string]error) (refused []denied, granted []access.File) {
	for _, f := range files {
		_, err := os.Stat(f.Path)
		absent := errors.Is(err, fs.ErrNotExist)
		switch {
		case absent && f.Mode&access.Write != 0:
			refused = append(refused, denied{f, fs.ErrNotExist})
		case why[f.Path] != nil && !absent:
			refused = append(refused, denied{f, why[f.Path]})
		case err == nil:
			granted = append(granted, f)
		}
	}
	return refused, granted
}

// cause is what the system said, without the name of the file.
func cause(err error) string {
	if failed := new(fs.PathError); errors.As(err, &failed) {
		err = failed.Err
	}
	return err.Error()
}
