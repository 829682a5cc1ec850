package publish

import (
	"cmp"
	"fmt"
	"io"

	"onbehalf/tenant"
)

// print writes for people what the server must allow, in short.
func (a Allow) print(w io.Writer, id string) {
	behind := func(margin, text string) { fmt.Fprint(w, hang(text, margin, columns)) }
	field := func(name, text string) { behind(fmt.Sprintf("  %-6s  ", name), text) }
	behind("direct    ", fmt.Sprintf("mail for %s goes to %s, which must allow:", listOf(a.Domains), a.NextHop))
	field("server", productTexts[a.Product])
	field("IP", listOf(a.Addresses))
	field("HELO", cmp.Or(a.Client.HELO, "not known"))
	field("cert", a.certificate())
	field("sender", listOf(a.Senders)+senderTexts[a.Envelope])
	field("TLS", tlsTexts[a.TLS])
	field("proof", a.proof())
	field("steps", "onbehalf dns --text "+id+" has them, for the tenant")
}

var productTexts = map[Product]string{
	ExchangeOnline:  "Exchange Online, by its name: an inbound connector of type Partner",
	GoogleWorkspace: "Google Workspace, by its name: an inbound gateway",
	OtherProduct:    "not known by its name; on Postfix check_client_access",
}

var senderTexts = map[tenant.DirectEnvelope]string{
	tenant.EnvelopeBounce: " (bounce addresses)",
	tenant.EnvelopeAuthor: " (the author's address)",
}

var tlsTexts = map[tenant.TLS]string{
	tenant.TLSMay:     "may: as Postfix does by itself",
	tenant.TLSEncrypt: "encrypt: the server must offer STARTTLS",
	tenant.TLSVerify:  "verify: the server must offer STARTTLS, with a certificate of its name from a public authority",
}

func (a Allow) certificate() string {
	switch {
	case len(a.Client.Certificate) > 0:
		return listOf(a.Client.Certificate)
	case a.Client.Anonymous():
		return "none is presented"
	case a.Client.HELO == "":
		return "not known"
	}
	return "left out, see the note"
}

// proof says whether DNS shows that the domains are the tenant's, and what would.
func (a Allow) proof() string {
	switch {
	case len(a.Unproven) == 0:
		return "there: the domain is the tenant's"
	case len(a.Proofs) == 0:
		return "none for " + listOf(a.Unproven) + ", whose mail takes the ordinary way"
	}
	return fmt.Sprintf("none yet for %s, whose mail takes the ordinary way until one of these is there: %s", listOf(a.Unproven), listOf(a.Proofs))
}
