package config

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"onbehalf/tenant"
)

// What a secret of Standard Webhooks is: so many octets in base64, behind a prefix.
const (
	secretPrefix  = "whsec_"
	minHookSecret = 24
	maxHookSecret = 64
	mostSecrets   = 2 // the new one, and the old one until the receiver knows the new one

	makeSecret = `write a line like that of: echo "whsec_$(openssl rand -base64 32)"`
)

// events takes who hears of what happens.
func (l *loader) events(d *document, raw rawEvents) (e Events) {
	e.Webhook = d.webhook("events.webhook", string(raw.Webhook))
	switch secret := string(raw.Secret); {
	case strings.HasPrefix(secret, secretPrefix):
		d.fail("events.secret", "is a secret itself", "write it into a file with mode 0640, and the name of the file here; replace it if others may have read it")
	case secret != "":
		if e.SecretFile = l.pathAt(d, "events.secret", secret, l.folder); e.SecretFile != "" {
			e.Secrets = d.hookSecrets("events.secret", e.SecretFile)
		}
	case raw.Webhook != "":
		d.fail("events.secret", "is empty, so that events could not be signed", "name a file; "+makeSecret)
	}
	e.Command = d.command("events.command", raw.Command)
	return e
}

// webhook reads a URL. What it reports shows nothing of it: a path may be a password.
func (d *document) webhook(path, text string) string {
	if text == "" {
		return ""
	}
	const example = "write one like https://monitoring.courseware.nl/onbehalf"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		d.fail(path, "is not a URL", example)
	case u.User != nil:
		d.fail(path, "has a user name in it", "remove it: the receiver knows an event by its signature")
	case u.Fragment != "":
		d.fail(path, "has a part after #, which is never sent", "remove it")
	case u.Scheme == "https", u.Scheme == "http" && isThisHost(u.Hostname()):
		return text
	case u.Scheme == "http":
		d.fail(path, "is http, so that everybody on the way could read events", "write https; http is for addresses of this host alone")
	default:
		d.fail(path, "is neither https nor http", example)
	}
	return ""
}

func isThisHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// hookSecrets reads a file of secrets for a webhook, one a line. What it reports names lines, never
// what is on them.
func (d *document) hookSecrets(path, file string) (secrets []tenant.Secret) {
	octets, ok := d.secretFile(path, file, makeSecret)
	if !ok {
		return nil
	}
	lines := 0
	for line := range bytes.Lines(octets) {
		lines++
		text := strings.TrimSpace(string(line))
		if text == "" {
			continue
		}
		secret, why := hookSecret(text)
		if why != "" {
			d.fail(path, fmt.Sprintf("line %d of %s %s", lines, file, why), makeSecret)
		}
		secrets = append(secrets, tenant.NewSecret(secret))
	}
	switch {
	case len(secrets) == 0:
		d.fail(path, file+" contains no secret", makeSecret)
	case len(secrets) > mostSecrets:
		d.fail(path, fmt.Sprintf("%s contains %d secrets, and at most %d are in use at the same time", file, len(secrets), mostSecrets), "keep the new one and the one before it")
	}
	return secrets
}

// hookSecret reads one; why says what is wrong with it.
func hookSecret(text string) (octets []byte, why string) {
	encoded, found := strings.CutPrefix(text, secretPrefix)
	if !found {
		return nil, "does not begin with " + secretPrefix
	}
	octets, err := base64.StdEncoding.DecodeString(encoded)
	switch n := len(octets); {
	case err != nil:
		return nil, "is not base64 after " + secretPrefix
	case n < minHookSecret || n > maxHookSecret:
		return nil, fmt.Sprintf("holds %d bytes, not %d to %d", n, minHookSecret, maxHookSecret)
	}
	return octets, ""
}

// command reads a program and its arguments.
func (d *document) command(path string, argv []string) []string {
	switch {
	case len(argv) == 0:
		return nil
	case !filepath.IsAbs(argv[0]):
		d.fail(path, "does not begin with an absolute path; there is no shell that would look for a program", `write a list like ["/usr/local/bin/onbehalf-event"]`)
		return nil
	}
	return argv
}
