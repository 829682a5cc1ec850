package config

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"

	"onbehalf/tenant"
)

const (
	minSecret  = 16      // octets: 128 bits, if they are random
	maxSecrets = 1 << 20 // octets of the whole file
)

// tooOpen are the permissions that a file with secrets must not give: all but
// reading and writing by its owner and reading by its group, that is 0640.
const tooOpen fs.FileMode = 0o037

// secrets reads the file of the secrets, one a line. What it reports names lines,
// never what is on them, and not even a path that may be a secret in the wrong place.
func (d *document) secrets(path, file string) []tenant.Secret {
	if file == "" {
		d.fail(path, "is empty", "name a file that holds a secret on each line")
		return nil
	}
	f, info, err := openRegular(file)
	if err != nil {
		cause, remedy := whyUnreadable(err)
		d.fail(path, "the file "+cause, remedy)
		return nil
	}
	defer f.Close()
	if mode := info.Mode().Perm(); mode&tooOpen != 0 {
		d.fail(path, fmt.Sprintf("the file has mode %04o, which lets others at the secrets", mode), "chmod 0640 it")
	}
	octets, err := io.ReadAll(io.LimitReader(f, maxSecrets+1))
	switch {
	case err != nil:
		d.fail(path, "the file cannot be read to its end", "look at its disk")
	case len(octets) > maxSecrets:
		d.fail(path, "the file is larger than 1 MiB", "write a line of 32 random characters for each secret, no more")
	}
	return d.secretLines(path, octets)
}

func (d *document) secretLines(path string, octets []byte) []tenant.Secret {
	var secrets []tenant.Secret
	lines := 0
	for line := range bytes.Lines(octets) {
		lines++
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(bytes.TrimSpace(line)) == 0:
			continue
		case len(bytes.TrimSpace(line)) < minSecret:
			d.fail(path, fmt.Sprintf("line %d of the file has fewer than %d octets", lines, minSecret), "write 32 random characters")
		}
		secrets = append(secrets, tenant.NewSecret(line))
	}
	if len(secrets) == 0 {
		d.fail(path, "the file holds no secret", "write a line of 32 random characters into it")
	}
	return secrets
}
