package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"onbehalf/admin"
	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
	"onbehalf/postfix"
)

// daemon asks the running one how it is.
func (d *doctor) daemon() {
	if d.Table != nil && d.Config.Admin.IsZero() {
		d.skip("the daemon cannot be asked how it is", "admin is empty in the configuration", "write admin: "+config.DefaultAdmin.String()+", and restart it")
		return
	}
	var s admin.Status
	err := d.Ask(&s)
	if no := new(admin.Error); errors.As(err, no) && no.Unready != nil {
		d.unready(*no.Unready)
		return
	}
	if err != nil {
		d.add(Finding{Level: Error, What: "the daemon does not answer at its admin socket", Why: strings.ReplaceAll(err.Error(), "\n", ". "), Fix: "see whether it runs, and why not",
			Commands: []string{"systemctl status onbehalf.service onbehalf.socket", "journalctl -u onbehalf -n 50"}})
		return
	}
	d.ok("the daemon runs since %s, process %d, version %s", when(s.Started), s.PID, s.Version)
	d.runsAs(s.PID)
	if s.Version != d.Version {
		d.add(Finding{Level: Warning, What: fmt.Sprintf("the daemon is version %s, and this program %s", s.Version, d.Version),
			Fix: "restart it, or use the program that it was started from", Commands: []string{"systemctl restart onbehalf"}})
	}
	d.generation(s)
	d.signing(s.Signing)
	d.listens(s.Listen)
	d.listensForTables(s.Socketmap)
	if s.DNS.NoServer != "" && s.DNS.Domains > 0 {
		d.add(Finding{Level: Error, What: "the daemon has no DNS server to ask", Why: "tenants keep the standing that they have", Fix: s.DNS.NoServer})
	}
	d.untrusted(s.Untrusted)
	if denied := s.DNS.Denied; !denied.IsZero() {
		d.add(Finding{Level: Warning, What: "DNS denies records that were there a while ago, and the daemon does not believe it since " + when(s.DNS.UnansweredSince),
			Why: "it says that " + denied.Unicode() + " has no records any more, and shows none of other domains that had some; tenants keep the standing that they have",
			Fix: "ask the servers in dns.servers, or those of /etc/resolv.conf, and the domain's own name servers (dig), and fix the one that is wrong"})
	} else if !s.DNS.PausedUntil.IsZero() {
		d.add(Finding{Level: Warning, What: "no DNS server has answered the daemon since " + when(s.DNS.UnansweredSince),
			Why: "tenants keep the standing that they have", Fix: "onbehalf status shows more; see that dns.servers, or /etc/resolv.conf, names servers that answer"})
	}
}

// untrusted is about mail that leaves unsigned because the client that hands it in is not trusted.
func (d *doctor) untrusted(u admin.Untrusted) {
	if u.Messages == 0 {
		return
	}
	whose := "the platform"
	if u.Tenant != "" {
		whose = "tenant " + u.Tenant
	}
	d.add(Finding{Level: Warning, What: fmt.Sprintf("mail from clients that are not trusted leaves as it came: %d messages, the last at %s from %s, From %s of %s", u.Messages, when(u.Last), u.Client, u.From, whose),
		Why: "it is neither signed nor rewritten, and receivers take it for forged",
		Fix: "if that client is an application server of yours, add it to trust.networks and reload (on a new host: onbehalf setup --trust NETWORK); a gateway that passes on mail of strangers must not be there"})
}

// unready is about a daemon that decides no mail.
func (d *doctor) unready(u admin.Unready) {
	why := u.Reason
	for _, f := range u.Findings {
		if why == "" && f.Level == config.Error.String() {
			why = f.Text
		}
	}
	d.add(Finding{Level: Error, What: fmt.Sprintf("the daemon runs since %s, process %d, and is NOT READY: all mail is deferred (451 4.7.1)", when(u.Started), u.PID), Why: why,
		Fix: "fix that, then reload", Commands: []string{"onbehalf check-config", "systemctl reload onbehalf"}})
}

func when(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

// runsAs compares the user of the process with the one whose permissions were examined.
func (d *doctor) runsAs(pid int) {
	info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
	if err != nil {
		return // hidden from us, or in another namespace
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	switch name := access.UserName(int(s.Uid)); {
	case !ok || name == d.User:
	case s.Uid == 0:
		d.add(Finding{Level: Warning, What: "the daemon runs as root", Why: "it needs no right of root's; whoever finds a hole in it gets the host",
			Fix: "start it by its unit, which has User=onbehalf, or by onbehalf serve --user onbehalf"})
	default:
		d.add(Finding{Level: Warning, What: fmt.Sprintf("the daemon runs as %s, and permissions were examined for %s", name, d.User),
			Fix: "run onbehalf doctor --user " + name + ", or correct User= in the unit"})
	}
}

// generation is about the configuration that the daemon uses.
func (d *doctor) generation(s admin.Status) {
	const reload = "systemctl reload onbehalf"
	here, _ := filepath.Abs(d.Path)
	switch {
	case s.Configuration.File != here:
		d.add(Finding{Level: Warning, What: fmt.Sprintf("the daemon uses %s, and %s was examined", s.Configuration.File, here),
			Fix: "run onbehalf doctor --config " + s.Configuration.File})
	case s.Reload != nil && !s.Reload.OK:
		d.add(Finding{Level: Error, What: "the reload of " + when(s.Reload.At) + " was refused", Why: "the daemon uses the configuration of " + when(s.Configuration.Loaded) + ": " + s.Reload.Result,
			Fix: "fix what onbehalf check-config shows, then reload", Commands: []string{reload}})
	case d.changedSince(s.Configuration.Loaded) != "":
		d.add(Finding{Level: Warning, What: d.changedSince(s.Configuration.Loaded) + " has changed since the daemon read it, " + when(s.Configuration.Loaded), Fix: "reload", Commands: []string{reload}})
	default:
		d.ok("it uses the configuration as it is on disk")
	}
	if len(s.Configuration.NeedRestart) > 0 {
		d.add(Finding{Level: Warning, What: postfix.List(s.Configuration.NeedRestart) + " differs from what the daemon was started with", Fix: "restart it",
			Commands: []string{"systemctl restart onbehalf"}})
	}
}

// changedSince returns a file of the configuration that is newer; empty: none.
func (d *doctor) changedSince(loaded time.Time) string {
	for _, file := range access.Files(d.Path, d.Config) {
		if info, err := os.Stat(file.Path); err == nil && !info.IsDir() && !file.State && info.ModTime().After(loaded) {
			return file.Path
		}
	}
	return ""
}

// listens compares the sockets that the daemon has with those that it should.
func (d *doctor) listens(open []string) {
	for _, socket := range d.Config.Listen {
		if socket.Network == "unix" && !slices.Contains(open, socket.String()) {
			d.add(Finding{Level: Error, What: "the daemon does not listen at " + socket.String(),
				Why:      "it has " + postfix.List(open) + "; when systemd hands sockets over, those in listen are not opened",
				Fix:      "make ListenStream= of onbehalf.socket and listen the same, and restart both",
				Commands: []string{"systemctl edit onbehalf.socket", "systemctl restart onbehalf.socket onbehalf.service"}})
		}
	}
}

// signing is about what works out RSA signatures. The daemon has proved it: whatever it is, mail
// is signed.
func (d *doctor) signing(s admin.Signing) {
	switch {
	case s.Engine == "": // an older version, which does not say
	case s.Fallbacks > 0:
		d.add(Finding{Level: Warning, What: "OpenSSL failed with a key or a signature, and Go stood in", Why: s.Problem,
			Fix: "if that goes on, write signing: {engine: go} in the configuration and reload", Commands: []string{"onbehalf status"}})
	case s.Engine == "openssl" && s.Unproved > 0:
		d.ok("it signs by %s, but with %d new RSA keys by Go until OpenSSL is proved with them", s.Version, s.Unproved)
	case s.Engine == "openssl":
		d.ok("it signs by %s", s.Version)
	case s.Problem != "":
		d.add(Finding{Level: Warning, What: "RSA signatures take three times as long as they need to: OpenSSL is not used", Why: s.Problem,
			Fix: "install libssl3 (in Debian 13: libssl3t64) and restart, or write signing: {engine: go} if that is meant", Commands: []string{"apt install libssl3", "systemctl restart onbehalf"}})
	default:
		d.ok("it signs with Go's own RSA, as signing.engine asks")
	}
}

// listensForTables does so with the socket where Postfix's tables are answered.
func (d *doctor) listensForTables(open string) {
	w, _ := d.wanted()
	if len(w.Direct) == 0 && len(d.Postfix.Readers(w)) == 0 || w.Socketmap == "" || open == w.Socketmap {
		return
	}
	has := "it answers them nowhere"
	if open != "" {
		has = "it answers them at " + open
	}
	d.add(Finding{Level: Error, What: "the daemon does not answer Postfix's tables at " + w.Socketmap,
		Why:      has + "; when systemd hands a socket over for them, that in socketmap is not opened",
		Fix:      "enable onbehalf-socketmap.socket, with a ListenStream= that is the same as socketmap, and restart all; the daemon's log says more",
		Commands: []string{"systemctl enable onbehalf-socketmap.socket && systemctl restart onbehalf-socketmap.socket onbehalf.socket onbehalf.service", "journalctl -u onbehalf -n 50"}})
}
