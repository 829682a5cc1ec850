package socketmap

import (
	"strings"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// notFound keeps its blank: Postfix reads a word and a blank (socketmap_table(5)).
const notFound = "NOTFOUND "

// unready is the answer while nothing is known. Postfix asks for "*" to see whether a table has a
// default, and remembers a failure of that.
func unready(request string) string {
	if _, key, _ := strings.Cut(request, " "); key == "*" {
		return notFound
	}
	return "TEMP the daemon waits for a configuration that it can use"
}

// Names of the maps, as a setting of Postfix has them behind the socket.
const (
	Transport       = "transport"
	TLSPolicy       = "tls_policy"
	TLSPolicyTLSRPT = "tls_policy_tlsrpt" // for Postfix 3.10 and later alone
	Recipients      = "recipients"
)

// Answer returns the answer to a request, "MAP KEY". It is "OK " and a value, or notFound. Besides
// are other times that it may be, see rewrite.Route.
func Answer(s *tenant.Snapshot, request string, now time.Time, besides ...time.Time) string {
	name, key, _ := strings.Cut(request, " ")
	value := ""
	switch name {
	case Transport:
		value = transport(s, key)
	case TLSPolicy:
		value, _ = tlsPolicy(s, key)
	case TLSPolicyTLSRPT:
		value = tlsPolicyReported(s, key)
	case Recipients:
		value = recipient(s, key, now, besides)
	}
	if value == "" { // Postfix takes "OK " without a value for an error
		return notFound
	}
	return "OK " + value
}

// transport sends mail for a direct domain to its next hop.
func transport(s *tenant.Snapshot, address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	to, err := message.ParseDomain(address[at+1:])
	if err != nil {
		return ""
	}
	owner, hop := rewrite.DirectHop(s, to)
	if owner == nil {
		return ""
	}
	return "smtp:" + hop.String()
}

// tlsPolicy returns what a connection to a next hop must have, and for whose domain that is
// asked; empty: nothing.
func tlsPolicy(s *tenant.Snapshot, nextHop string) (level string, domain message.Domain) {
	hop, err := tenant.ParseNextHop(nextHop)
	if err != nil {
		return "", message.Domain{}
	}
	for _, t := range s.AtNextHop(hop) { // strictest first
		level, asks := levels[t.Direct.TLS]
		if !asks {
			break // nor do those behind it, and they can be many: all tenants at one big provider
		}
		for _, d := range t.Direct.Domains {
			if owner, _ := rewrite.DirectHop(s, d); owner == t {
				return level, d
			}
		}
	}
	return "", message.Domain{}
}

// levels are as smtp_tls_policy_maps has them. "may" is no answer: the administrator's own
// default may ask for more. "verify" compares the name in the certificate with the host that
// was connected to, whatever smtp_tls_verify_cert_match says.
var levels = map[tenant.TLS]string{tenant.TLSEncrypt: "encrypt", tenant.TLSVerify: "verify match=hostname"}

// tlsPolicyReported adds what Postfix 3.10 and later want to know for TLS reports.
func tlsPolicyReported(s *tenant.Snapshot, nextHop string) string {
	level, domain := tlsPolicy(s, nextHop)
	if level == "" {
		return ""
	}
	return level + " policy_type=no-policy-found policy_domain=" + domain.String()
}

// recipient knows the addresses that are ours to route, as the milter does at RCPT. Postfix
// uses of the value only that there is one.
func recipient(s *tenant.Snapshot, address string, now time.Time, besides []time.Time) string {
	if _, ours, err := rewrite.Route(message.Path{}, message.ParsePath(address), s, now, besides...); !ours || err != nil {
		return ""
	}
	return "known"
}
