package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a file of the configuration, in octets. 100,000 tenants fit.
const maxFile = 64 << 20

// openRegular opens a file that can be read to an end. The check is made on the
// opened file, so that nobody can exchange it in between; a FIFO must not block the open.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = errors.New("is a directory; name a file in it")
	case !info.Mode().IsRegular():
		err = errors.New("is not a regular file; put one in its place")
	default:
		return f, info, nil
	}
	f.Close()
	return nil, nil, err
}

// whyUnreadable says in plain words why a file could not be opened.
func whyUnreadable(err error) (cause, remedy string) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist", "create it, or correct the path"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by us", "let the user or group that the daemon runs as read it"
	case errors.Is(err, syscall.ENOTDIR):
		return "is not a directory", "name a folder, or correct the path"
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	cause, remedy, _ = strings.Cut(err.Error(), "; ")
	return cause, remedy
}

// readFile gives the octets of a file of at most maxFile.
func readFile(path string) ([]byte, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > maxFile {
		return nil, tooLarge()
	}
	octets := make([]byte, 0, info.Size()+512)
	return readAll(octets, io.LimitReader(f, maxFile+1))
}

func readAll(room []byte, r io.Reader) ([]byte, error) {
	b := bytes.NewBuffer(room)
	if _, err := b.ReadFrom(r); err != nil {
		return nil, err
	}
	if b.Len() > maxFile {
		return nil, tooLarge()
	}
	return b.Bytes(), nil
}

func tooLarge() error {
	return fmt.Errorf("is larger than %d MiB; split it into files of tenants_dir", maxFile>>20)
}

// read reads the document's file. False: it could not be read as YAML, and the
// findings say why.
func (d *document) read() bool {
	octets, err := readFile(d.file)
	if err != nil {
		cause, remedy := whyUnreadable(err)
		d.fail("", cause, remedy)
		return false
	}
	if isUTF16(octets) {
		d.fail("", "is in UTF-16, not in UTF-8", "save it as UTF-8: iconv -f UTF-16 -t UTF-8")
		return false
	}
	if len(octets) > 0 && !strings.ContainsRune("\n}]", rune(octets[len(octets)-1])) {
		d.looksCutOff()
	}
	d.octets = octets
	return d.parse(octets)
}

// isUTF16 reports whether a text is in UTF-16, or UTF-32: by its byte order mark, or because it
// begins with a character of ASCII in two bytes. YAML has both, but a text of them has no last
// line that ends as those in UTF-8 do.
func isUTF16(octets []byte) bool {
	return bytes.HasPrefix(octets, []byte("\xff\xfe")) || bytes.HasPrefix(octets, []byte("\xfe\xff")) ||
		len(octets) > 1 && (octets[0] == 0) != (octets[1] == 0) || bytes.HasPrefix(octets, []byte("\x00\x00\xfe\xff"))
}

// looksCutOff warns: an editor ends the last line, a full disk does not.
func (d *document) looksCutOff() {
	d.warn("", "looks cut off: its last line has no end", "save it whole, with a newline at its end")
	last := &d.findings[len(d.findings)-1]
	last.Truncated = true
}

// parse takes the one YAML document of a file.
func (d *document) parse(octets []byte) bool {
	decoder := yaml.NewDecoder(pausing{bytes.NewReader(octets), d.pause})
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return d.isEmpty()
	case err != nil:
		remedy := "look at the indentation and the quotes there and just above"
		if strings.Contains(err.Error(), "UTF-8") {
			remedy = "save it as UTF-8"
		}
		d.fail("", syntax(err), remedy)
		return false
	}
	if len(first.Content) == 0 {
		return d.isEmpty()
	}
	d.root = first.Content[0]
	switch err := decoder.Decode(&second); {
	case err == nil:
		d.spoil("", &second, "has a second YAML document", "remove the line --- and merge what is below it")
	case !errors.Is(err, io.EOF):
		d.spoil("", &second, syntax(err), "look at what stands behind the end of the configuration")
	}
	return d.isMapping()
}

// pausing pauses before each piece that is read, of which there are many.
type pausing struct {
	io.Reader
	pause func()
}

func (p pausing) Read(b []byte) (int, error) {
	p.pause()
	return p.Reader.Read(b)
}

// isMapping tells whether the document holds keys at all.
func (d *document) isMapping() bool {
	switch {
	case d.root.Kind == yaml.MappingNode && len(d.root.Content) > 0:
		return true
	case d.root.Kind == yaml.MappingNode, isNull(d.root):
		return d.isEmpty()
	default:
		d.fail("", "does not hold keys and values", "write lines like key: value")
	}
	return false
}

func (d *document) isEmpty() bool {
	d.fail("", "is empty", "write the configuration, or take the file away")
	return false
}

func syntax(err error) string {
	return "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")
}
