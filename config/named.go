package config

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"

	"onbehalf/disk"
)

// NamedAdmin returns the admin socket that the environment or a line of a main file names that
// cannot be read as a whole, so that a daemon in trouble and those who ask it meet. Where none is
// found, it is DefaultAdmin.
func NamedAdmin(path string, environ []string) Socket {
	var texts []string
	for _, variable := range environ {
		if value, found := strings.CutPrefix(variable, "ONBEHALF_ADMIN="); found {
			texts = append(texts, value)
		}
	}
	if file, _, err := disk.Open(path, MaxFile); err == nil {
		defer file.Close()
		texts = append(texts, adminLines(file)...)
	}
	for _, text := range texts {
		if s, err := ParseSocket(filepath.Dir(path), text); err == nil && !s.IsZero() {
			return s
		}
	}
	return DefaultAdmin
}

// adminLines returns what stands behind "admin:" at the beginning of a line.
func adminLines(file *os.File) (texts []string) {
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), "admin:"); found {
			value, _, _ = strings.Cut(value, " #")
			texts = append(texts, strings.Trim(value, " \t\r\"'"))
		}
	}
	return texts
}
