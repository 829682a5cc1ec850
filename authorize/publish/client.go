package publish

// Client is what the SMTP client of our mail host shows of itself to the servers that it
// delivers to. The zero Client is one that nothing is known of.
type Client struct {
	HELO string `json:"helo,omitempty"` // the name in HELO and EHLO; empty: not known
	// Certificate has the DNS names of the certificates that it presents. With none and
	// no Unknown it presents no certificate.
	Certificate []string `json:"certificate,omitempty"`
	Unknown     string   `json:"unknown,omitempty"` // why one of them is not known
}

// Anonymous reports whether it is known that the client presents no certificate.
func (c Client) Anonymous() bool {
	return c.HELO != "" && len(c.Certificate) == 0 && c.Unknown == ""
}

// askClient prints what a Client holds, on the mail host.
const askClient = "postconf -x smtp_helo_name smtp_tls_chain_files smtp_tls_cert_file smtp_tls_eccert_file"

// askCertificate prints the names in a certificate.
const askCertificate = "openssl x509 -noout -ext subjectAltName -in FILE"
