package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// refusal is a want that the kernel did not grant.
type refusal struct {
	want
	err error
}

// tryAll tries each. What is not there has been told with the configuration; state_dir
// is not looked at there.
func tryAll(wants []want) (granted []want, refused []refusal) {
	for _, w := range wants {
		switch err := w.try(); {
		case err == nil:
			granted = append(granted, w)
		case !errors.Is(err, fs.ErrNotExist) || w.mode&mayWrite != 0:
			refused = append(refused, refusal{w, err})
		}
	}
	return granted, refused
}

// try opens what is to be read. Whether a folder can be written to is asked by access(2), which
// goes by the ids of the thread, and leaves nothing behind.
func (w want) try() error {
	if w.mode&mayWrite != 0 {
		return unix.Access(w.path, w.mode)
	}
	file, err := os.OpenFile(w.path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would wait
	if err != nil {
		return err
	}
	defer file.Close()
	if w.mode&mayEnter != 0 {
		_, err = file.Readdirnames(-1)
	}
	return err
}

// gather makes one finding of all that one thing bars: ten thousand keys are in one folder.
func gather(refused []refusal, who *account) []Finding {
	var all []Finding
	files := make(map[string][]string)
	for _, r := range refused {
		f := r.finding(who)
		known := f.Why + strings.Join(f.Commands, "")
		if files[known] == nil {
			all = append(all, f)
		}
		files[known] = append(files[known], r.what+", "+r.path)
	}
	for i, f := range all {
		const most = 4
		barred := files[f.Why+strings.Join(f.Commands, "")]
		if more := len(barred) - most; more > 0 {
			barred = append(barred[:most:most], fmt.Sprintf("%d more", more))
		}
		all[i].What += strings.Join(barred, "; ")
	}
	return all
}

// finding leaves out at the end of What which file it is about.
func (r refusal) finding(who *account) Finding {
	f := Finding{Level: Error, What: fmt.Sprintf("user %s cannot read ", who.name), Why: cause(r.err)}
	if r.mode&mayWrite != 0 {
		f.What = fmt.Sprintf("user %s cannot write to ", who.name)
		f.Mend = "give it to the daemon: what DNS has shown is lost at each restart otherwise"
	}
	group := GroupName(who.gid)
	switch {
	case errors.Is(r.err, fs.ErrNotExist):
		f.Why = "it is not there"
		f.Commands = []string{fmt.Sprintf("install -d -m 0750 -o %s -g %s %s", who.name, group, r.path)}
	case errors.Is(r.err, fs.ErrPermission):
		why, b, found := denied(r.path, who, r.mode)
		f.Why = why
		if found {
			f.Mend = cmp.Or(f.Mend, b.mend())
			f.Commands = []string{b.open(who, r)}
		}
	}
	return f
}

// mend says what open does.
func (b barrier) mend() string {
	if b.folder {
		return "let it pass"
	}
	return "give it to the daemon's group, and to nobody else"
}

// open gives the command that takes a barrier away for one user, and for no others where it
// guards a secret: files keep to owner and group, and so does the folder that they are in.
func (b barrier) open(who *account, r refusal) string {
	group := GroupName(who.gid)
	switch {
	case b.folder && b.path == filepath.Dir(r.path) && b.group == 0:
		return fmt.Sprintf("chgrp %s %s && chmod g+rx %[2]s", group, b.path)
	case b.folder:
		return fmt.Sprintf("chmod o+x %s", b.path)
	case r.mode&mayWrite != 0:
		return fmt.Sprintf("chown %s:%s %s && chmod u+rwx %[3]s", who.name, group, b.path)
	case r.mode&mayEnter != 0:
		return fmt.Sprintf("chgrp %s %s && chmod 0750 %[2]s", group, b.path)
	}
	return fmt.Sprintf("chgrp %s %s && chmod 0640 %[2]s", group, b.path)
}
