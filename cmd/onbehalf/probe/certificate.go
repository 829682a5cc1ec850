package probe

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"onbehalf/message"
)

// describe returns what a certificate shows.
func describe(leaf *x509.Certificate) *Certificate {
	c := &Certificate{Names: leaf.DNSNames, Issuer: leaf.Issuer.CommonName, NotAfter: leaf.NotAfter}
	if len(c.Names) == 0 && leaf.Subject.CommonName != "" {
		c.Names = []string{leaf.Subject.CommonName}
	}
	if c.Issuer == "" {
		c.Issuer = strings.Join(leaf.Issuer.Organization, " ")
	}
	return c
}

// inspect returns a server's certificate, with what Postfix would refuse about it under verify. A
// next hop without a name has none that could match.
func inspect(chain []*x509.Certificate, name message.Domain, roots *x509.CertPool, now time.Time) *Certificate {
	leaf := chain[0]
	c := describe(leaf)
	if !name.IsZero() && !hasName(leaf, c.Names, name.String()) {
		c.Faults = append(c.Faults, Trouble{CertificateName, fmt.Sprintf("the certificate of %s is for %s", name, orNone(c.Names))})
	}
	between := x509.NewCertPool()
	for _, one := range chain[1:] {
		between.AddCert(one)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now})
	if trouble := distrust(err, c, now); trouble.Kind != "" {
		c.Faults = append(c.Faults, trouble)
	}
	return c
}

// hasName compares as Postfix does: without DNS names, the common name counts.
func hasName(leaf *x509.Certificate, names []string, name string) bool {
	if len(leaf.DNSNames) == 0 {
		leaf = &x509.Certificate{DNSNames: names}
	}
	return leaf.VerifyHostname(name) == nil
}

func distrust(err error, c *Certificate, now time.Time) Trouble {
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return Trouble{}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.After(c.NotAfter):
		return Trouble{CertificateExpired, "the certificate expired on " + c.NotAfter.Format(time.DateOnly)}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return Trouble{CertificateExpired, "the certificate, or one in its chain, is not valid today"}
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return Trouble{CertificateTrust, fmt.Sprintf("the certificate was issued by %q, which is not an authority that is trusted here, or its chain is incomplete", c.Issuer)}
	}
	return Trouble{CertificateTrust, "the certificate cannot be verified: " + strings.TrimPrefix(err.Error(), "x509: ")}
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "no name"
	}
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
