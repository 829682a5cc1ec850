package demo

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// stage is a throw-away installation.
type stage struct {
	config string // path of the main file
	socket string // path
	zone   string
}

// build writes configuration, keys and secrets into a folder.
func build(folder string) (*stage, error) {
	platform, err := makeKey(folder, "courseware.pem", "courseware.nl")
	if err != nil {
		return nil, err
	}
	university, err := makeKey(folder, "university.pem", "university.example")
	if err != nil {
		return nil, err
	}
	s := &stage{
		config: filepath.Join(folder, "onbehalf.yaml"),
		socket: filepath.Join(folder, "milter.sock"),
		zone:   fmt.Sprintf(zone, platform, university),
	}
	if err := os.Mkdir(filepath.Join(folder, "tenants.d"), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder, "srs.secrets"), []byte(rand.Text()+"\n"), 0o600); err != nil {
		return nil, err
	}
	return s, os.WriteFile(s.config, fmt.Appendf(nil, configuration, folder), 0o600)
}

// makeKey makes a key and gives the DNS record for selector cw1.
func makeKey(folder, file, domain string) (string, error) {
	sdid, err := message.ParseDomain(domain)
	if err != nil {
		return "", err
	}
	key, err := keys.Generate(tenant.RSA, 2048)
	if err != nil {
		return "", err
	}
	if err := keys.Create(filepath.Join(folder, file), key); err != nil {
		return "", err
	}
	record, err := keys.Record(key.Public())
	return keys.ZoneLine(tenant.Identity{SDID: sdid, Selector: "cw1"}, record), err
}
