package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// stage is a folder with keys and sockets that all programs share.
type stage struct {
	folder  string // of configurations
	sockets string // inside Postfix's chroot
}

func (s stage) write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(s.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s stage) socket(name string) string { return filepath.Join(s.sockets, name) }

// peers are programs that others wrote, as far as they are installed, each set up to sign with
// the same RSA key and nothing else.
func (s stage) peers(t testing.TB) (all []*process, missing []string) {
	t.Helper()
	for _, peer := range []struct {
		name, program string
		start         func(testing.TB) *process
	}{
		{"opendkim", "/usr/sbin/opendkim", s.opendkim},
		{"rspamd", "/usr/bin/rspamd", s.rspamd},
		{"dkimpy-milter", "/usr/bin/dkimpy-milter", s.dkimpy},
	} {
		if _, err := exec.LookPath(peer.program); err != nil {
			missing = append(missing, peer.name)
			continue
		}
		all = append(all, peer.start(t))
	}
	return all, missing
}

func (s stage) opendkim(t testing.TB) *process {
	conf := s.write(t, "opendkim.conf", fmt.Sprintf(`Mode s
Socket local:%s
Domain university.example
Selector cw1
KeyFile %s
Canonicalization relaxed/relaxed
SignatureAlgorithm rsa-sha256
OversignHeaders From
InternalHosts 0.0.0.0/0
RequireSafeKeys no
Syslog no
Background no
UMask 000
`, s.socket("opendkim"), filepath.Join(s.folder, "keys/rsa.pem")))
	return start(t, "opendkim", s.socket("opendkim"), "/usr/sbin/opendkim", "-f", "-x", conf)
}

// rspamd has a proxy that scans for itself, with the one module that signs.
func (s stage) rspamd(t testing.TB) *process {
	conf := s.write(t, "rspamd.conf", fmt.Sprintf(`options {
  pidfile = "%[1]s/rspamd.pid"; filters = "dkim"; local_addrs = [0.0.0.0/0]; control_socket = "%[1]s/rspamd.control mode=0600";
  dns { nameserver = ["127.0.0.1:9"]; timeout = 1s; retransmits = 1; }
  history_rows = 1; tempdir = "%[1]s"; url_tld = "/usr/share/rspamd/effective_tld_names.dat"; check_all_filters = false;
}
logging { type = "console"; level = "error"; }
worker "rspamd_proxy" {
  count = 1; bind_socket = "%[2]s mode=0666"; milter = yes; timeout = 60s;
  upstream "local" { default = yes; self_scan = yes; }
}
modules { path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }
dkim_signing {
  enabled = true; sign_local = true; sign_authenticated = true; allow_username_mismatch = true; allow_hdrfrom_mismatch = true;
  use_domain = "header"; use_esld = false; check_pubkey = false; sign_networks = [0.0.0.0/0];
  domain { university.example { selectors = [{ selector = "cw1"; path = "%[1]s/keys/rsa.pem"; }]; } }
}
actions { reject = 1000; add_header = 999; greylist = 998; }
`, s.folder, s.socket("rspamd")))
	return start(t, "rspamd", s.socket("rspamd"), "/usr/bin/rspamd", "-f", "-i", "-c", conf)
}

func (s stage) dkimpy(t testing.TB) *process {
	conf := s.write(t, "dkimpy.conf", fmt.Sprintf(`Mode s
Socket local:%s
Domain university.example
Selector cw1
KeyFile %s
Canonicalization relaxed/relaxed
InternalHosts 0.0.0.0/0
Syslog no
UMask 000
PidFile %s/dkimpy.pid
UserID root
`, s.socket("dkimpy"), filepath.Join(s.folder, "keys/pkcs1.pem"), s.folder))
	return start(t, "dkimpy-milter", s.socket("dkimpy"), "/usr/bin/dkimpy-milter", conf)
}
