package setup

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"onbehalf/authorize/publish"
)

// ReadClient asks Postfix what its SMTP client shows of itself.
func ReadClient(ctx context.Context) publish.Client {
	p, err := ReadPostfix(ctx)
	if err != nil {
		return publish.Client{Unknown: err.Error()}
	}
	return p.Client()
}

// Client is what Postfix's SMTP client shows of itself, by main.cf and by the service of
// master.cf that direct delivery takes, smtp.
func (p Postfix) Client() publish.Client {
	c := publish.Client{HELO: p.ofClient("smtp_helo_name")}
	files := words(p.ofClient("smtp_tls_chain_files")) // in place of the others (postconf(5))
	if len(files) == 0 {
		files = slices.Concat(words(p.ofClient("smtp_tls_cert_file")), words(p.ofClient("smtp_tls_eccert_file")))
	}
	for _, file := range files {
		names, err := certified(file, time.Now())
		if err != nil {
			c.Unknown = err.Error()
		}
		for _, name := range names {
			if !slices.Contains(c.Certificate, name) {
				c.Certificate = append(c.Certificate, name)
			}
		}
	}
	return c
}

// ofClient is a setting as the service smtp of master.cf has it.
func (p Postfix) ofClient(name string) string {
	for _, o := range p.Overrides() {
		if o.Service == "smtp/unix" && o.Name == name {
			return o.Value
		}
	}
	return p.expanded[name]
}

// certified gives the DNS names of the certificate in a file that Postfix presents: the first
// one, or one behind each private key. An error says why a server would not go by it.
func certified(file string, now time.Time) ([]string, error) {
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("the certificate of Postfix's SMTP client: %w; run this as root", err)
	case err != nil:
		return nil, fmt.Errorf("the certificate of Postfix's SMTP client: %w", err)
	}
	var names []string
	leaf := true
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			leaf = true
			continue
		}
		if !leaf {
			continue
		}
		leaf = false
		of, err := namesOf(block.Bytes, now)
		if err != nil {
			return names, fmt.Errorf("the certificate of Postfix's SMTP client, %s, %w", file, err)
		}
		names = append(names, of...)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the certificate of Postfix's SMTP client: %s holds none", file)
	}
	return names, nil
}

func namesOf(der []byte, now time.Time) ([]string, error) {
	c, err := x509.ParseCertificate(der)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", err)
	case now.After(c.NotAfter):
		return nil, fmt.Errorf("has expired on %s", c.NotAfter.Format(time.DateOnly))
	case c.CheckSignatureFrom(c) == nil:
		return nil, fmt.Errorf("is signed by itself, so no server can verify it")
	case len(c.DNSNames) == 0:
		return nil, fmt.Errorf("has no DNS name, only the subject %s", cmp.Or(c.Subject.CommonName, c.Subject.String()))
	}
	return c.DNSNames, nil
}
