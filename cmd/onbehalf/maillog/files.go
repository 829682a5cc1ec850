package maillog

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"onbehalf/disk"
	"onbehalf/trace"
)

// mostFiles is how many of one name are opened, the newest.
const mostFiles = 100

// openAll opens the files of these names in the folder, and their rotated ones. It returns how many
// it opened; what cannot be read is a note.
func (h Host) openAll(logs *Logs, since time.Time, ours bool, names ...string) (opened int) {
	var paths []string
	for _, name := range names {
		paths = append(paths, rotated(filepath.Join(h.Folder, name))...)
	}
	if !ours {
		for _, path := range h.Files {
			if !slices.Contains(paths, path) {
				paths = append(paths, rotated(path)...)
			}
		}
	}
	for _, path := range paths {
		done, err := logs.openFound(path, since, ours)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !ours {
			logs.Notes = append(logs.Notes, explain(path, err))
		}
		if done {
			opened++
		}
	}
	return opened
}

// rotated lists a file and its rotated ones: mail.log, mail.log.1, mail.log.2.gz, maillog-20261122.
func rotated(path string) []string {
	all := []string{path}
	for _, mark := range []string{".[0-9]*", "-[0-9]*"} {
		more, _ := filepath.Glob(path + mark) // the pattern is good
		all = append(all, more...)
	}
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(modified(b), modified(a)) })
	return all[:min(len(all), mostFiles)]
}

func modified(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.ModTime().UnixNano()
}

// openFound opens a file that may have lines since a time.
func (l *Logs) openFound(path string, since time.Time, ours bool) (bool, error) {
	file, info, err := disk.Open(path, math.MaxInt64)
	if err != nil {
		return false, err
	}
	if info.ModTime().Before(since) {
		return false, file.Close()
	}
	return true, l.add(path, file, info.ModTime(), ours)
}

// openNamed opens what somebody names. It may be a pipe, as a shell makes it: <(zcat ...).
func (l *Logs) openNamed(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return errors.New(explain(path, err))
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("is a folder; name the files in it")
	}
	if err != nil {
		file.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	end := info.ModTime()
	if !info.Mode().IsRegular() {
		end = time.Now()
	}
	return l.add(path, file, end, false)
}

// explain says why a file cannot be opened, and what to do.
func explain(path string, err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return path + ": permission denied; run the command as root, or as a user in the group adm"
	}
	return fmt.Sprintf("%s: %v", path, disk.Reason(err))
}

// compressed are what a file may begin with, and who reads it.
var compressed = []struct {
	magic string
	read  func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b", func(in io.Reader) (io.Reader, error) { return gzip.NewReader(in) }},
	{"BZh", func(in io.Reader) (io.Reader, error) { return bzip2.NewReader(in), nil }},
	{"\xfd7zXZ\x00", func(io.Reader) (io.Reader, error) {
		return nil, errors.New("is compressed by xz; run: xzcat FILE | onbehalf trace ... -")
	}},
	{"\x28\xb5\x2f\xfd", func(io.Reader) (io.Reader, error) {
		return nil, errors.New("is compressed by zstd; run: zstdcat FILE | onbehalf trace ... -")
	}},
}

// add takes an open file, and decompresses it as its first bytes say, whatever its name.
func (l *Logs) add(path string, file *os.File, end time.Time, ours bool) error {
	buffered := bufio.NewReaderSize(file, 1<<16)
	var in io.Reader = buffered
	first, _ := buffered.Peek(6) // an error comes again when it is read
	for _, c := range compressed {
		if bytes.HasPrefix(first, []byte(c.magic)) {
			var err error
			if in, err = c.read(buffered); err != nil {
				file.Close()
				return fmt.Errorf("%s: %w", path, errors.New(strings.ReplaceAll(err.Error(), "FILE", path)))
			}
		}
	}
	l.Sources = append(l.Sources, trace.Source{Name: path, In: in, End: end, Ours: ours})
	l.closers = append(l.closers, file.Close)
	return nil
}
