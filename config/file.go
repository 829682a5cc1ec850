package config

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"onbehalf/disk"
	"onbehalf/remedy"
)

// MaxFile bounds a file of the configuration, in octets. 100,000 tenants fit.
const MaxFile = 64 << 20

// readFile returns the content of a file of the configuration.
func readFile(path string) ([]byte, error) {
	text, err := disk.Read(path, MaxFile)
	if errors.Is(err, disk.ErrLarge) {
		return nil, remedy.New("split it into files of tenants_dir", "is larger than %d MiB", MaxFile>>20)
	}
	return text, err
}

var settled = disk.Stamp.Settled // tests do not wait until a file is

// read reads the document's file. False: it could not be read as YAML, and the
// findings say why.
func (d *document) read() bool {
	if stamp := disk.OpenStamp(d.file); settled(stamp, time.Now()) {
		d.stamp = stamp
	}
	octets, err := readFile(d.file)
	if err != nil {
		d.failBy("", err, "check its disk")
		return false
	}
	if isUTF16(octets) {
		d.fail("", "is in UTF-16, not in UTF-8", "save it as UTF-8: iconv -f UTF-16 -t UTF-8")
		return false
	}
	if len(octets) > 0 && !strings.ContainsRune("\n}]", rune(octets[len(octets)-1])) {
		d.warnTruncated()
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

// warnTruncated warns: an editor ends the last line, a full disk does not.
func (d *document) warnTruncated() {
	if f := d.report(Warning, "", "has no newline at the end and may be truncated", "save the whole file, with a newline at its end"); f != nil {
		f.Truncated = true
	}
}

// parse takes the one YAML document of a file.
func (d *document) parse(octets []byte) bool {
	decoder := yaml.NewDecoder(pausing{bytes.NewReader(octets), d.pause})
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return d.isEmpty()
	case err != nil:
		cause, fix := notYAML(err, octets)
		d.fail("", cause, fix)
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
		cause, _ := notYAML(err, octets)
		d.spoil("", &second, cause, "remove what follows the end of the configuration")
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

// isMapping reports whether the document holds keys at all.
func (d *document) isMapping() bool {
	switch {
	case d.root.Kind == yaml.MappingNode && len(d.root.Content) > 0:
		return true
	case d.root.Kind == yaml.MappingNode, isNull(d.root):
		return d.isEmpty()
	case d.root.Kind == yaml.SequenceNode && d.rank > 0:
		d.fail("", "is a list without a key", "write `tenants:` above it, in a line of its own")
	default:
		d.fail("", "does not contain keys and values", "write lines like key: value")
	}
	return false
}

func (d *document) isEmpty() bool {
	d.fail("", "is empty", "write the configuration, or remove the file")
	return false
}
