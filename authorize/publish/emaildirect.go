package publish

import (
	"net/netip"
	"slices"
	"strconv"

	"onbehalf/message"
	"onbehalf/tenant"
)

// directView is what the templates of the letter ask for.
type directView struct {
	*Allow
	sheet Sheet
}

func (v directView) By() string { return clean(v.sheet.By) }

// Missing are those of Proofs that the tenant has yet to publish.
func (v directView) Missing() []string {
	return slices.DeleteFunc(slices.Clone(v.Proofs), func(name string) bool {
		return slices.ContainsFunc(v.sheet.Records, func(r Record) bool { return r.Name == name && r.Done })
	})
}

func (v directView) Exchange() bool    { return v.Product == ExchangeOnline }
func (v directView) Google() bool      { return v.Product == GoogleWorkspace }
func (v directView) ByAuthor() bool    { return v.Envelope == tenant.EnvelopeAuthor }
func (v directView) TLSRequired() bool { return v.TLS != tenant.TLSMay }
func (v directView) TLSVerified() bool { return v.TLS == tenant.TLSVerify }

// ReturnPath is the tenant's name for bounces; empty: it has none.
func (v directView) ReturnPath() string {
	if v.ByAuthor() || len(v.Senders) == 1 {
		return ""
	}
	return v.Senders[0]
}

func (v directView) Bounce() string { return v.Senders[len(v.Senders)-1] }

// Server names the next hop in a sentence.
func (v directView) Server() string {
	port := strconv.Itoa(int(v.NextHop.Port))
	if v.NextHop.MX {
		return "the server that the MX record of " + v.NextHop.Name.Unicode() + " names, port " + port
	}
	return "your mail server, " + v.ServerName() + ", port " + port
}

// ServerName is the host of the next hop.
func (v directView) ServerName() string {
	if v.NextHop.Addr.IsValid() {
		return v.NextHop.Addr.String()
	}
	return v.NextHop.Name.String()
}

func (v directView) Public() []netip.Addr  { return v.public() }
func (v directView) IPv4() []netip.Addr    { return v.ipv4() }
func (v directView) Private() []netip.Addr { return without(v.Addresses, v.public()) }
func (v directView) NotIPv4() []netip.Addr { return without(v.Addresses, v.ipv4()) }

// Table and ScreenTable are names for files of Postfix's.
func (v directView) Table() string       { return v.sheet.Platform.String() + ".cidr" }
func (v directView) ScreenTable() string { return v.sheet.Platform.String() + ".postscreen.cidr" }

func without(all, some []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(all), func(ip netip.Addr) bool { return slices.Contains(some, ip) })
}

// named are the elements of a list, domains as people write them.
func named(items any) []string {
	var names []string
	switch all := items.(type) {
	case []string:
		return all
	case []netip.Addr:
		for _, ip := range all {
			names = append(names, ip.String())
		}
	case []message.Domain:
		for _, d := range all {
			names = append(names, d.Unicode())
		}
	}
	return names
}

func listOf(items any) string { return list(named(items)) }

func numbered(items any, one, several string) string {
	if len(named(items)) == 1 {
		return one
	}
	return several
}
