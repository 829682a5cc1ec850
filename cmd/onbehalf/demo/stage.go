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
	folder string
	config string // path of the main file
	socket string // path
	zone   string // what is published when the play begins
	added  string // and what the first customer publishes later
}

// build writes keys and secrets into a folder.
func build(folder string) (*stage, error) {
	s := &stage{folder: folder, config: filepath.Join(folder, "onbehalf.yaml"), socket: filepath.Join(folder, "milter.sock")}
	var records []string
	for _, key := range []struct{ file, domain string }{
		{"courseware.pem", "courseware.nl"}, {"university.pem", "university.example"}, {"yourorg.pem", "yourorganisationname.nl"},
	} {
		record, err := makeKey(folder, key.file, key.domain)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	s.zone, s.added = fmt.Sprintf(zone, records[0], records[1]), records[2]
	if err := os.Mkdir(filepath.Join(folder, "tenants.d"), 0o700); err != nil {
		return nil, err
	}
	return s, os.WriteFile(filepath.Join(folder, "srs.secrets"), []byte(rand.Text()+"\n"), 0o600)
}

// configure writes the configuration.
func (s *stage) configure(nameserver string) error {
	return os.WriteFile(s.config, fmt.Appendf(nil, configuration, s.folder, nameserver), 0o600)
}

// makeKey makes a key and returns the DNS record for selector cw1.
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
