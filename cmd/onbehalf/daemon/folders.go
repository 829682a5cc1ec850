package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
)

// The groups of the folders in which the daemon makes sockets, by packaging/tmpfiles.conf.
const (
	postfixGroup = "postfix"         // connects to milter and socketmap
	statusGroup  = "onbehalf-status" // connects to the admin socket
)

// folder is one that the daemon needs.
type folder struct {
	path  string
	mode  fs.FileMode
	group string // empty: that of the daemon's user
}

// foldersOf returns the folders that packaging/tmpfiles.conf makes, for the names in a
// configuration. The daemon's user owns them.
func foldersOf(conf *config.Config) []folder {
	all := []folder{{filepath.Clean(conf.StateDir), 0o750, ""}}
	add := func(socket config.Socket, group string) {
		path := filepath.Dir(socket.Address)
		if socket.Network != "unix" || slices.ContainsFunc(all, func(f folder) bool { return f.path == path }) {
			return
		}
		all = append(all, folder{path, 0o750 | fs.ModeSetgid, group})
	}
	for _, socket := range append(slices.Clone(conf.Listen), conf.Socketmap) {
		add(socket, postfixGroup)
	}
	add(conf.Admin, statusGroup)
	return all
}

// makeFolders makes those that are missing. One that is there stays as it is.
func makeFolders(all []folder, who *access.User, log *slog.Logger) error {
	defer syscall.Umask(syscall.Umask(0o022))
	for _, f := range all {
		if _, err := os.Stat(f.path); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		gid := f.groupOf(who, log)
		if err := f.make(int(who.UID), gid); err != nil {
			return fmt.Errorf("not started: cannot make the folder %s for %s: %w; make it yourself, and start again", f.path, who, err)
		}
		log.Info("made a folder", "folder", f.path, "mode", f.octal(), "user", who.Name, "group", access.GroupName(gid))
	}
	return nil
}

// groupOf returns the number of the folder's group: the user's own where this host has none of its
// name, and the log says so.
func (f folder) groupOf(who *access.User, log *slog.Logger) int {
	if f.group == "" {
		return int(who.GID)
	}
	group, err := user.LookupGroup(f.group)
	if err == nil {
		if id, err := strconv.Atoi(group.Gid); err == nil {
			return id
		}
	}
	own := access.GroupName(int(who.GID))
	log.Warn("a folder of sockets gets another group, because this host does not have its own", "folder", f.path, "wanted", f.group, "group", own,
		"remedy", "put those that are to connect at its sockets into group "+own+", or make the group, remove the folder, and restart")
	return int(who.GID)
}

// make makes a folder, and those above it as root's. Where it cannot be given away, there is none.
func (f folder) make(uid, gid int) error {
	parent, name := filepath.Split(f.path)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	above, err := os.OpenRoot(parent) // whoever else may write there cannot lead root elsewhere
	if err != nil {
		return err
	}
	defer above.Close()
	if err := above.Mkdir(name, 0o700); err != nil {
		return err
	}
	err = above.Lchown(name, uid, gid)
	if err == nil {
		err = above.Chmod(name, f.mode)
	}
	if err != nil {
		above.Remove(name)
	}
	return err
}

// octal writes the mode as chmod(1) has it.
func (f folder) octal() string {
	bits := f.mode.Perm()
	if f.mode&fs.ModeSetgid != 0 {
		bits |= 0o2000
	}
	return strconv.FormatUint(uint64(bits), 8)
}
