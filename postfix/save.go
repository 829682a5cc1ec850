package postfix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// saved begins the end of the name of each copy; the time follows, so that they sort by it.
const saved = ".onbehalf-"

// Save copies main.cf and master.cf beside themselves before they are changed, with their mode and
// owner, and returns the paths of the copies. A file that is like its last copy is not copied again.
func Save(folder string, now time.Time) (copies []string, err error) {
	for _, name := range []string{"main.cf", "master.cf"} {
		path := filepath.Join(folder, name)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && name == "master.cf" {
			continue
		}
		if err != nil {
			return copies, fmt.Errorf("%s cannot be saved, so nothing is changed: %w", path, err)
		}
		if last := lastCopy(path); last != "" {
			if there, err := os.ReadFile(last); err == nil && string(there) == string(text) {
				copies = append(copies, last)
				continue
			}
		}
		copied := path + saved + now.UTC().Format("20060102-150405.000")
		if err := copyLike(path, copied, text); err != nil {
			return copies, fmt.Errorf("%s cannot be saved, so nothing is changed: %w", path, err)
		}
		copies = append(copies, copied)
	}
	return copies, nil
}

func copiesOf(path string) []string {
	all, _ := filepath.Glob(path + saved + "[0-9]*") // the pattern is right
	slices.Sort(all)
	return all
}

func lastCopy(path string) string {
	all := copiesOf(path)
	return strings.Join(all[max(len(all)-1, 0):], "")
}

// copyLike makes a file as another one is.
func copyLike(path, copied string, text []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(copied, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Chmod(info.Mode().Perm()))
	if s, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		err = errors.Join(err, file.Chown(int(s.Uid), int(s.Gid)))
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		os.Remove(copied)
	}
	return err
}

// Files reads main.cf, and the last saved copy of it that does not name onbehalf.
func (c Configuration) Files(w Wanted, milters []string) (files Files, err error) {
	path := filepath.Join(c.Folder(), "main.cf")
	text, err := os.ReadFile(path)
	if err != nil {
		return files, err
	}
	files.Now = parseMain(string(text))
	o := traces{c, w, milters, nil}
	for _, path := range slices.Backward(copiesOf(path)) {
		text, err := os.ReadFile(path)
		if err != nil {
			return files, err
		}
		if settings := parseMain(string(text)); !o.in(settings) {
			files.Before, files.Path = settings, path
			break
		}
	}
	return files, nil
}

// in reports whether a setting names one of our sockets.
func (o traces) in(settings map[string]string) bool {
	for _, value := range settings {
		if slices.ContainsFunc(words(value), func(one string) bool { return o.milter(one) || o.table(one) }) {
			return true
		}
	}
	return false
}

// parseMain reads main.cf: lines that begin with blanks continue the one before, the last value of
// a setting counts (postconf(5)).
func parseMain(text string) map[string]string {
	all, name := make(map[string]string), ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "", strings.HasPrefix(strings.TrimLeft(line, " \t"), "#"):
		case strings.ContainsAny(line[:1], " \t"):
			if name != "" {
				all[name] = strings.TrimSpace(all[name] + " " + strings.TrimSpace(line))
			}
		default:
			var value string
			name, value, _ = strings.Cut(line, "=")
			name = strings.TrimSpace(name)
			all[name] = strings.TrimSpace(value)
		}
	}
	return all
}
