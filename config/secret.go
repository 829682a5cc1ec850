package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"onbehalf/disk"
	"onbehalf/tenant"
)

const (
	minSecret  = 16      // octets: 128 bits, if they are random
	maxSecrets = 1 << 20 // octets of the whole file
)

// secrets reads the file of the secrets, one a line. What it reports names lines,
// never what is on them.
func (d *document) secrets(path, file string) []tenant.Secret {
	if file == "" {
		d.fail(path, "is empty", "name a file with one secret per line")
		return nil
	}
	octets, ok := d.secretFile(path, file, "write one line of 32 random characters for each secret")
	if !ok {
		return nil
	}
	return d.secretLines(path, file, octets)
}

// secretFile reads a file of secrets; false: why it cannot has been reported.
func (d *document) secretFile(path, file, fix string) ([]byte, bool) {
	octets, err := disk.ReadPrivate(file, maxSecrets)
	switch {
	case errors.Is(err, disk.ErrLarge):
		d.fail(path, bare(file)+" is larger than 1 MiB", fix)
	case err != nil:
		d.failByFile(path, nameable(file), err)
	case isUTF16(octets):
		d.fail(path, file+" is in UTF-16", "save it as UTF-8: iconv -f UTF-16 -t UTF-8")
	default:
		return octets, true
	}
	return nil, false
}

// nameable returns the name of a file that could not be opened, unless what was given
// may be a secret that someone took for the name of its file.
func nameable(file string) string {
	folder, err := os.Stat(filepath.Dir(file))
	if err != nil || !folder.IsDir() || strings.Count(file, "/") < 2 || len(filepath.Ext(file)) < 2 {
		return "the file"
	}
	return file
}

func (d *document) secretLines(path, file string, octets []byte) []tenant.Secret {
	var secrets []tenant.Secret
	lines := 0
	for line := range bytes.Lines(octets) {
		lines++
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(bytes.TrimSpace(line)) == 0:
			continue
		case len(bytes.TrimSpace(line)) < minSecret:
			d.fail(path, fmt.Sprintf("line %d of %s has fewer than %d bytes", lines, file, minSecret), "write 32 random characters")
		}
		secrets = append(secrets, tenant.NewSecret(line))
	}
	if len(secrets) == 0 {
		d.fail(path, file+" contains no secret", "write a line of 32 random characters into it")
	}
	return secrets
}
