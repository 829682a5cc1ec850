package postfix

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

// Bound returns the addresses that Postfix's SMTP client connects from, one a family at most:
// smtp_bind_address, or the only one of its family in inet_interfaces (postconf(5)).
func (c Configuration) Bound() []netip.Addr {
	var own, all []netip.Addr
	for _, one := range words(c.OfClient("inet_interfaces")) {
		if addr, err := netip.ParseAddr(strings.Trim(one, "[]")); err == nil {
			own = append(own, addr)
		}
	}
	for setting, ofFamily := range map[string]func(netip.Addr) bool{"smtp_bind_address": netip.Addr.Is4, "smtp_bind_address6": netip.Addr.Is6} {
		only := slices.DeleteFunc(slices.Clone(own), func(addr netip.Addr) bool { return !ofFamily(addr) })
		addr, err := netip.ParseAddr(strings.Trim(c.OfClient(setting), "[]"))
		switch {
		case err == nil && ofFamily(addr):
			all = append(all, addr)
		case len(only) == 1 && !only[0].IsLoopback():
			all = append(all, only[0])
		}
	}
	return all
}

// Client is what Postfix's SMTP client shows of itself to the servers that it delivers to.
type Client struct {
	HELO        string   // the name in HELO and EHLO
	Certificate []string // DNS names of the certificates that it presents
	Unknown     string   // why one of them is not known
}

// Client reads the certificates that the settings name.
func (c Configuration) Client() Client {
	client := Client{HELO: c.OfClient("smtp_helo_name")}
	for _, pair := range c.ClientPairs() {
		names, err := pair.certified(time.Now())
		if err != nil {
			client.Unknown = "the certificate of Postfix's SMTP client: " + err.Error()
		}
		for _, name := range names {
			if !slices.Contains(client.Certificate, name) {
				client.Certificate = append(client.Certificate, name)
			}
		}
	}
	return client
}

// KeyPair is files with certificates and with their private keys; they can be the same.
type KeyPair struct{ Certs, Keys []string }

// ClientPairs returns the files of the certificates that Postfix's SMTP client presents. Those in
// smtp_tls_chain_files take the place of all others (postconf(5)).
func (c Configuration) ClientPairs() []KeyPair {
	if files := words(c.OfClient("smtp_tls_chain_files")); len(files) > 0 {
		return []KeyPair{{files, files}}
	}
	var all []KeyPair
	for _, kind := range []string{"", "ec"} {
		if cert := c.OfClient("smtp_tls_" + kind + "cert_file"); cert != "" {
			all = append(all, KeyPair{[]string{cert}, []string{cmp.Or(c.OfClient("smtp_tls_"+kind+"key_file"), cert)}})
		}
	}
	return all
}

// Load reads a pair as TLS needs it. Mostly root alone may read the key.
func (k KeyPair) Load() (tls.Certificate, error) {
	certs, err := readAll(k.Certs)
	if err != nil {
		return tls.Certificate{}, err
	}
	keys, err := readAll(k.Keys)
	if err != nil {
		return tls.Certificate{}, err
	}
	own, err := tls.X509KeyPair(certs, keys)
	if err != nil {
		return own, fmt.Errorf("%s: %w", k, err)
	}
	return own, nil
}

// Leaves returns the certificates that are presented: the first one, or one behind each private
// key. The others in the files are of authorities.
func (k KeyPair) Leaves() ([]*x509.Certificate, error) {
	text, err := readAll(k.Certs)
	if err != nil {
		return nil, err
	}
	var leaves []*x509.Certificate
	next := true
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type != "CERTIFICATE":
			next = true
		case next:
			next = false
			leaf, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("%s cannot be read: %w", k, err)
			}
			leaves = append(leaves, leaf)
		}
	}
	if len(leaves) == 0 {
		return nil, fmt.Errorf("%s has no certificate in it", k)
	}
	return leaves, nil
}

// String names the files with certificates.
func (k KeyPair) String() string { return strings.Join(k.Certs, ", ") }

func readAll(files []string) ([]byte, error) {
	var all bytes.Buffer
	for _, file := range files {
		text, err := os.ReadFile(file)
		switch {
		case errors.Is(err, os.ErrPermission):
			return nil, fmt.Errorf("%w; run this as root", err)
		case err != nil:
			return nil, err
		}
		all.Write(append(text, '\n'))
	}
	return all.Bytes(), nil
}

// certified returns the DNS names of the certificates that a server can accept. An error says
// why it would not accept one of them.
func (k KeyPair) certified(now time.Time) (names []string, err error) {
	leaves, err := k.Leaves()
	for _, leaf := range leaves {
		if unfit := unfit(leaf, now); unfit != "" {
			err = fmt.Errorf("%s %s", k, unfit)
			continue
		}
		names = append(names, leaf.DNSNames...)
	}
	return names, err
}

// unfit says why no server accepts a certificate; empty: one may.
func unfit(leaf *x509.Certificate, now time.Time) string {
	switch {
	case now.After(leaf.NotAfter):
		return "expired on " + leaf.NotAfter.Format(time.DateOnly)
	case leaf.CheckSignatureFrom(leaf) == nil:
		return "is signed by itself, so no server can verify it"
	case len(leaf.DNSNames) == 0:
		return "has no DNS name, only the subject " + cmp.Or(leaf.Subject.CommonName, leaf.Subject.String())
	}
	return ""
}
