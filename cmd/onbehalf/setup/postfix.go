package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Postfix is what Postfix says of itself. The zero Postfix is one that nothing is known of,
// and that has the defaults of 3.7.
type Postfix struct {
	values   map[string]string // of main.cf and defaults, as written
	expanded map[string]string // with $names replaced
	services string            // settings of master.cf, as postconf -P has them, with $names replaced
	table    string            // services of master.cf, as postconf -M has them
}

// ErrNoPostfix says that there is no postconf to ask.
var ErrNoPostfix = errors.New("postconf is not on this host")

// asked are the settings that setup reads. Only those in settings.go are ever changed.
var asked = []string{
	"smtp_helo_name", "smtp_tls_chain_files", "smtp_tls_cert_file", "smtp_tls_key_file", "smtp_tls_eccert_file", "smtp_tls_eckey_file",
	"smtp_tls_security_level", "inet_protocols", "smtp_bind_address", "smtp_bind_address6",
	"smtpd_milters", "non_smtpd_milters", "milter_default_action", "internal_mail_filter_classes",
	"relay_domains", "relay_recipient_maps", "smtp_line_length_limit", "disable_mime_output_conversion", "force_mime_input_conversion",
	"mail_version", "queue_directory", "config_directory", "mydestination", "virtual_alias_domains", "virtual_mailbox_domains",
	"receive_override_options", "content_filter", "myorigin", "myhostname", "mail_owner",
	"transport_maps", "smtp_tls_policy_maps", "smtp_tlsrpt_enable", "smtp_tls_CAfile", "smtp_tls_CApath", "tls_append_default_CA",
	"local_recipient_maps", "virtual_mailbox_maps", "proxy_interfaces", "inet_interfaces",
}

// ReadPostfix asks postconf. As for all of Postfix's commands, MAIL_CONFIG in the
// environment names another configuration than /etc/postfix.
func ReadPostfix(ctx context.Context) (Postfix, error) {
	if _, err := exec.LookPath(tool("postconf")); err != nil {
		return Postfix{}, ErrNoPostfix
	}
	var p Postfix
	text, err := output(ctx, "postconf", asked...)
	if err != nil {
		return p, err
	}
	p.values = settings(text)
	if text, err = output(ctx, "postconf", append([]string{"-x"}, asked...)...); err != nil {
		return p, err
	}
	p.expanded = settings(text)
	if p.services, err = output(ctx, "postconf", "-P", "-x"); err != nil {
		return p, err
	}
	p.table, err = output(ctx, "postconf", "-M")
	return p, err
}

// tool finds a command of Postfix, which not every administrator has on the path.
func tool(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return filepath.Join("/usr/sbin", name)
}

// output runs a command without a shell; what it said stands in the error.
func output(ctx context.Context, name string, args ...string) (string, error) {
	var out, talk bytes.Buffer
	command := exec.CommandContext(ctx, tool(name), args...)
	command.Stdout, command.Stderr = &out, &talk
	if err := command.Run(); err != nil {
		said := strings.TrimSpace(talk.String())
		if lines := strings.Split(said, "\n"); len(lines) > 3 {
			said = strings.Join(lines[len(lines)-3:], "\n")
		}
		return "", fmt.Errorf("%s: %w: %s", name, err, said)
	}
	return out.String(), nil
}

// settings reads lines of "name = value".
func settings(text string) map[string]string {
	all := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(line, "="); found {
			all[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return all
}

// Known tells whether Postfix was there to be asked.
func (p Postfix) Known() bool { return p.values != nil }

// Queue gives the queue directory; empty: not known.
func (p Postfix) Queue() string { return p.expanded["queue_directory"] }

// folder gives the folder of main.cf.
func (p Postfix) folder() string { return p.expanded["config_directory"] }

// recodes tells whether this Postfix can recode 8-bit text as it comes in, as 3.9 and
// later do: postconf is silent on settings that there are none of.
func (p Postfix) recodes() bool {
	_, known := p.values["force_mime_input_conversion"]
	return known
}

// words takes a list of main.cf apart, at commas and blanks that no braces hold.
func words(list string) []string {
	var all []string
	word, depth := "", 0
	flush := func() {
		if word != "" {
			all = append(all, word)
		}
		word = ""
	}
	for _, r := range list {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		case depth <= 0 && strings.ContainsRune(", \t\r\n", r):
			flush()
			continue
		}
		word += string(r)
	}
	flush()
	return all
}
