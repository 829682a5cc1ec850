package events

import (
	"fmt"
	"net/netip"
	"time"
)

// Type is what an event is about.
type Type string

// The types.
const (
	TenantMoved       Type = "tenant.moved"
	TenantWarning     Type = "tenant.warning"
	PlatformWarning   Type = "platform.warning"
	ReceiversDisagree Type = "receivers.disagree"
	OwnershipLost     Type = "ownership.lost"
	Forbidden         Type = "submitter.forbidden"
	RecipientsRefused Type = "recipients.refused"
	ReloadRefused     Type = "reload.refused"
	KeyUnreadable     Type = "key.unreadable"
	OutageBegan       Type = "dns.outage.began"
	OutageEnded       Type = "dns.outage.ended"
	StoreFailed       Type = "store.failed"
	StoreRecovered    Type = "store.recovered"
	LimitNear         Type = "limit.near"
	Test              Type = "test"
)

// Types are all, with the fields of data that each may have. docs/events.md says the same.
var Types = []struct {
	Type   Type
	Fields []string
}{
	{TenantMoved, []string{"tenant", "domain", "before", "after", "reason", "fix"}},
	{TenantWarning, []string{"tenant", "domain", "mechanism", "before", "after", "due", "reason", "fix"}},
	{PlatformWarning, []string{"domain", "mechanism", "before", "after", "reason", "fix"}},
	{ReceiversDisagree, []string{"tenant", "domain", "receiver", "reason", "fix"}},
	{OwnershipLost, []string{"tenant", "domain", "reason", "fix"}},
	{Forbidden, []string{"tenant", "of", "client", "login", "reason", "fix"}},
	{RecipientsRefused, []string{"network", "reason", "fix"}},
	{ReloadRefused, []string{"reason", "fix"}},
	{KeyUnreadable, []string{"tenant", "path", "reason", "fix"}},
	{OutageBegan, []string{"domain", "since", "reason", "fix"}},
	{OutageEnded, []string{"since", "reason"}},
	{StoreFailed, []string{"since", "reason", "fix"}},
	{StoreRecovered, []string{"since", "reason"}},
	{LimitNear, []string{"limit", "used", "most", "reason", "fix"}},
	{Test, []string{"reason"}},
}

// NewTenantMoved says that mail of a tenant's domain leaves by another row of the decision table.
// Where it gets worse, that is a warning.
func NewTenantMoved(at time.Time, tenant, domain, before, after, why string, worse bool) Event {
	data := Data{Tenant: tenant, Domain: domain, Before: before, After: after, Reason: why, Fix: "nothing to do"}
	severity := Info
	if worse {
		severity, data.Fix = Warning, "onbehalf check "+tenant+" says what is missing in its DNS; send the tenant what onbehalf dns "+tenant+" --text prints"
	}
	return made(TenantMoved, severity, at, data)
}

// NewTenantReconfigured says the same where it follows from a change of the configuration.
func NewTenantReconfigured(at time.Time, tenant, domain, before, after string, worse bool) Event {
	e := NewTenantMoved(at, tenant, domain, before, after, "its configuration was changed: onbehalf history "+tenant+" says how", worse)
	if worse {
		e.Data.Fix = "if that was not meant, correct the tenant's configuration, then systemctl reload onbehalf"
	}
	return e
}

// NewTenantWarning says that mail of a tenant's domain is about to leave by another row, because
// DNS no longer shows a mechanism that it relies on. Due is when, at the earliest.
func NewTenantWarning(at time.Time, tenant, domain, mechanism, before, after string, due time.Time, why string) Event {
	return made(TenantWarning, Warning, at, Data{Tenant: tenant, Domain: domain, Mechanism: mechanism, Before: before, After: after, Due: due.UTC().Round(0), Reason: why,
		Fix: "have the tenant restore the record before then; onbehalf check " + tenant + " says what is missing"})
}

// NewPlatformWarning says that a mechanism of the platform's own domain is lost, or about to be.
func NewPlatformWarning(at time.Time, domain, mechanism, before, after, why string) Event {
	return made(PlatformWarning, Error, at, Data{Domain: domain, Mechanism: mechanism, Before: before, After: after, Reason: why,
		Fix: "onbehalf dns prints the platform's records; publish what onbehalf check says is missing"})
}

// NewReceiversDisagree says that a receiver refuses mail as not authenticated which, by the DNS that
// we see, is. The finding says what it said, and fix what to do about it.
func NewReceiversDisagree(at time.Time, tenant, domain, receiver, finding, fix string) Event {
	return made(ReceiversDisagree, Warning, at, Data{Tenant: tenant, Domain: domain, Receiver: receiver, Reason: finding, Fix: fix})
}

// NewOwnershipLost says that DNS no longer proves that a domain with direct delivery is its tenant's.
func NewOwnershipLost(at time.Time, tenant, domain, why string) Event {
	return made(OwnershipLost, Warning, at, Data{Tenant: tenant, Domain: domain, Reason: why,
		Fix: "have the tenant restore the DKIM key or the return path; onbehalf check " + tenant + " says what is missing"})
}

// NewForbidden says that a submitter tried to send in a name that it may not use. The tenant is
// the one whose submitter it is, empty if there is none; of is the one in whose name it was.
func NewForbidden(at time.Time, tenant, of, client, login string) Event {
	return made(Forbidden, Warning, at, Data{Tenant: tenant, Of: of, Client: client, Login: login,
		Reason: "a message in a name that its submitter may not use was decided by row 10 forbidden; more of them today are in the log alone",
		Fix:    "find out who uses that login and client: an application that is set up wrongly, or an account that others use"})
}

// NewRecipientsRefused says that a network guesses bounce addresses.
func NewRecipientsRefused(at time.Time, network netip.Prefix) Event {
	return made(RecipientsRefused, Warning, at, Data{Network: network,
		Reason: "so many recipients from there do not exist that all others of that network are refused for an hour",
		Fix:    "nothing, if it is a stranger's; if it is a receiver of our mail, see onbehalf trace for what it sends back"})
}

// NewReloadRefused says that a configuration was not taken.
func NewReloadRefused(at time.Time, why string) Event {
	return made(ReloadRefused, Error, at, Data{Reason: why, Fix: "run onbehalf check-config, fix what it says, then systemctl reload onbehalf"})
}

// NewKeyUnreadable says that a key cannot be used, so that its tenant's mail is not signed by it.
func NewKeyUnreadable(at time.Time, tenant, path, why, fix string) Event {
	return made(KeyUnreadable, Error, at, Data{Tenant: tenant, Path: path, Reason: why, Fix: fix + "; then systemctl reload onbehalf"})
}

// NewOutageBegan says that DNS is not asked or believed for now. Denied is a domain whose records
// DNS denies; empty: it does not answer.
func NewOutageBegan(at, since time.Time, denied, fix string) Event {
	why := "no answer from DNS; all standings stay as they are"
	if denied != "" {
		why = "DNS denies records that were there a while ago, and shows none of other domains; that is not believed, and all standings stay as they are"
	}
	return made(OutageBegan, Error, at, Data{Domain: denied, Since: since.UTC().Round(0), Reason: why, Fix: fix})
}

// NewOutageEnded says that DNS answers again.
func NewOutageEnded(at, since time.Time) Event {
	return made(OutageEnded, Info, at, Data{Since: since.UTC().Round(0), Reason: "DNS answers again, after " + at.Sub(since).Round(time.Second).String()})
}

// NewStoreFailed says that state cannot be saved.
func NewStoreFailed(at, since time.Time, why, fix string) Event {
	return made(StoreFailed, Error, at, Data{Since: since.UTC().Round(0), Reason: why, Fix: fix})
}

// NewStoreRecovered says that state is saved again.
func NewStoreRecovered(at, since time.Time) Event {
	return made(StoreRecovered, Info, at, Data{Since: since.UTC().Round(0), Reason: "state is saved again, after " + at.Sub(since).Round(time.Second).String()})
}

// NewLimitNear says that so much of a limit is used.
func NewLimitNear(at time.Time, limit string, used, most int64, fix string) Event {
	return made(LimitNear, Warning, at, Data{Limit: limit, Used: used, Most: most,
		Reason: fmt.Sprintf("%d %% of %s are used", 100*used/max(most, 1), limit), Fix: fix})
}

// NewTest is what onbehalf events --test sends.
func NewTest(at time.Time) Event {
	return made(Test, Info, at, Data{Reason: "somebody ran onbehalf events --test"})
}
