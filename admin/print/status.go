package print

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"onbehalf/admin"
	"onbehalf/events"
	"onbehalf/term"
)

// Most lines of each list: who wants them all asks for JSON.
const (
	mostFindings = 5
	mostProblems = 20
	mostWaiting  = 10
	mostChanges  = 10
)

// beside is where texts stand beside their labels.
const beside = 15

// Status prints how the daemon is.
func Status(out io.Writer, s admin.Status) {
	p := printer{term.New(out), s.Now}
	p.Line("onbehalf %s is running, pid %d, since %s (%s)", s.Version, s.PID, stamp(s.Started), span(s.Now.Sub(s.Started)))
	p.Blank()
	p.configuration(s.Configuration)
	p.reload(s.Reload)
	p.sockets(s.Daemon)
	p.limits(s.Limits)
	p.dns(s.DNS)
	p.tenants(s.Tenants)
	p.messages(s.Messages)
	p.untrusted(s.Untrusted)
	p.signing(s.Signing)
	p.log(s.Log)
	p.events(s.Events)
	p.problems(s)
	p.changes(s.Changes)
}

// Unready prints why a daemon decides no mail.
func Unready(out io.Writer, u admin.Unready) {
	p := printer{term.New(out), time.Now()}
	p.Line("onbehalf %s is NOT READY, pid %d, since %s: all mail is deferred", u.Version, u.PID, stamp(u.Started))
	p.Blank()
	if u.Reason != "" {
		p.Item("Reason", beside, "%s", u.Reason)
	} else {
		p.Item("Configuration", beside, "cannot be used, tried %s: %s", p.ago(u.Tried), u.File)
	}
	p.findings(u.Findings, "error")
	p.Item("Mail", beside, "Postfix is answered 451 4.7.1: senders keep their mail and try again, and what is in the queue of Postfix leaves as before, "+
		"unless it asks the tables of socketmap; %s deferred since the start", count(int(u.Deferred), "message"))
	p.Item("Do", beside, "fix that; the daemon takes files that can be used and have not changed for 10 seconds, and tries at once after: systemctl reload onbehalf")
}

// sockets says where Postfix is answered, and what became of the files of sockets.
func (p printer) sockets(d admin.Daemon) {
	if len(d.Listen) == 0 {
		return
	}
	p.Item("Sockets", beside, "milter at %s", strings.Join(d.Listen, ", "))
	if d.Socketmap == "" {
		p.below(beside, "no socketmap (it is off, or the log says why), so nothing is delivered directly")
	} else {
		p.below(beside, "socketmap at %s", d.Socketmap)
	}
	if c := d.Connections; c.Displaced+c.Refused > 0 {
		p.below(beside, "MORE CONNECTIONS THAN limits.connections (%d): %d refused, and %d closed between two messages, since the start; Postfix deferred their mail", c.Limit, c.Refused, c.Displaced)
	}
	for _, s := range d.Sockets {
		switch {
		case s.Problem != "":
			p.below(beside, "%s CANNOT BE REACHED at %s since %s: %s", s.Name, s.Address, stamp(s.Since), s.Problem)
		case !s.Reopened.IsZero():
			p.below(beside, "the file of %s was removed, and was created again %s", s.Address, p.ago(s.Reopened))
		}
	}
}

// limits says what the daemon is near to, from 80 % on.
func (p printer) limits(all []admin.Limit) {
	label := "Limits"
	for _, l := range all {
		if l.Share() >= admin.NearLimit {
			p.Item(label, beside, "%s", l)
			label = ""
		}
	}
}

func (p printer) configuration(c admin.Configuration) {
	p.Item("Configuration", beside, "%s", c.Summary)
	p.below(beside, "loaded %s from %s", p.ago(c.Loaded), c.File)
	p.findings(c.Findings, "fault")
	if len(c.NeedRestart) > 0 {
		p.below(beside, "changed in the file since the start, and not in use until a restart: %s; run: systemctl restart onbehalf", strings.Join(c.NeedRestart, ", "))
	}
}

// findings prints those of a level, as far as there is room for them.
func (p printer) findings(all []admin.Finding, level string) {
	printed, others := 0, 0
	for _, f := range all {
		if f.Level != level || printed == mostFindings {
			others++
			continue
		}
		printed++
		p.below(beside+2, "%s: %s", f.Level, f.Text)
	}
	if others > 0 {
		p.below(beside+2, "%s: onbehalf check-config", count(others, "more finding"))
	}
}

func (p printer) reload(r *admin.Reload) {
	switch {
	case r == nil:
		p.Item("Last reload", beside, "none since the start")
	case r.OK:
		p.Item("Last reload", beside, "%s, loaded in %d ms", p.ago(r.At), r.Milliseconds)
	default:
		p.Item("Last reload", beside, "REFUSED %s (%s), the configuration above stays in use", p.ago(r.At), stamp(r.At))
		if len(r.Findings) == 0 {
			p.below(beside+2, "%s", r.Result)
		}
		p.findings(worstFirst(r.Findings))
		p.below(beside, "Fix that, then run: systemctl reload onbehalf")
	}
}

// worstFirst returns the level of the findings that stopped a reload. A file that looks
// cut off is only warned of, and stops it too.
func worstFirst(all []admin.Finding) ([]admin.Finding, string) {
	for _, f := range all {
		if f.Level == "error" {
			return all, "error"
		}
	}
	return all, "warning"
}

func (p printer) dns(d admin.DNS) {
	switch {
	case d.Error != "":
		p.Item("DNS", beside, "not known: %s", d.Error)
	case d.Domains == 0:
		p.Item("DNS", beside, "nothing to look up: no tenant has authorization: auto")
	case d.NoServer != "":
		p.Item("DNS", beside, "NO SERVER TO ASK: %s. All standings stay as they are; it is looked again every few seconds", d.NoServer)
	case !d.Denied.IsZero():
		p.Item("DNS", beside, "NOT BELIEVED since %s: it says that %s has no records any more, and shows none of other domains that had some. All standings stay as they are. Ask the servers in dns.servers, or those of /etc/resolv.conf, and the domain's own name servers (dig), and fix the one that is wrong",
			stamp(d.UnansweredSince), d.Denied.Unicode())
	case !d.PausedUntil.IsZero():
		p.Item("DNS", beside, "NO ANSWER since %s (%s). All standings stay as they are. Check the servers in dns.servers, or those of /etc/resolv.conf",
			stamp(d.UnansweredSince), count(d.Unanswered, "lookup"))
	case d.Unanswered > 0:
		p.Item("DNS", beside, "no answer to the last %s, since %s", count(d.Unanswered, "lookup"), stamp(d.UnansweredSince))
	case d.Oldest.IsZero():
		p.Item("DNS", beside, "no answer yet")
	default:
		p.Item("DNS", beside, "answers")
	}
	if d.Domains > 0 {
		p.below(beside, "%s", p.lookups(d))
	}
	if d.Unsaved != "" {
		p.below(beside, "NOT SAVED, and lost at a restart: %s; %s", d.Unsaved, d.UnsavedFix)
	}
}

// events says how deliveries of events go: nothing, where nobody is to get any.
func (p printer) events(all []events.Status) {
	for i, s := range all {
		label := "Events"
		if i > 0 {
			label = ""
		}
		switch {
		case s.Queued == 0 && s.Problem == "":
			p.Item(label, beside, "%s takes them (%s)", s.Sink, s.Target)
		case s.Problem == "":
			p.Item(label, beside, "%s takes them (%s); %s to go, the oldest of %s", s.Sink, s.Target, count(s.Queued, "event"), p.ago(s.Oldest))
		default:
			p.Item(label, beside, "%s DOES NOT TAKE THEM since %s (%s): %s", s.Sink, stamp(s.Since), s.Target, s.Problem)
			if s.Queued > 0 {
				p.below(beside, "%s to go, the oldest of %s; each is tried again for 3 days", count(s.Queued, "event"), p.ago(s.Oldest))
			}
			p.below(beside, "what does the receiver answer now? onbehalf events --test")
		}
		if !s.Paused.IsZero() {
			p.below(beside, "the receiver wants none before %s", stamp(s.Paused))
		}
		if s.Dead+s.Dropped > 0 {
			p.below(beside, "%d given up and %d dropped so far, the last %s: %s", s.Dead, s.Dropped, p.ago(s.Last), s.Cause)
		}
	}
}

// lookups says how the lookups proceed. One that begins a little late is not worth a word.
func (p printer) lookups(d admin.DNS) string {
	texts := []string{count(d.Domains, "domain") + " watched"}
	if d.NotLookedUp > 0 {
		texts = append(texts, fmt.Sprintf("%d not looked up yet", d.NotLookedUp))
	}
	if !d.Oldest.IsZero() {
		texts = append(texts, "the oldest answer "+p.ago(d.Oldest))
	}
	if !d.NextLookup.IsZero() {
		texts = append(texts, "the next lookup "+p.in(d.NextLookup))
	}
	if late := p.now.Sub(d.DueSince); !d.DueSince.IsZero() && late > time.Minute && d.PausedUntil.IsZero() {
		texts = append(texts, fmt.Sprintf("%d overdue, the first for %s: dns.max_per_second may be too low for so many", d.Due, span(late)))
	}
	return strings.Join(texts, ", ")
}

// deliveries says what the tenants' mail does, in the order of admin.Deliveries.
var deliveries = map[admin.Delivery]string{
	admin.Signed:          "as themselves, with a DKIM signature of their own",
	admin.ByPath:          "as themselves, by SPF of their return path alone",
	admin.BySPF:           "as themselves, by SPF alone",
	admin.Platform:        "in the platform's name",
	admin.Unauthenticated: "with their own From, but nothing authenticates it",
	admin.Refused:         "not at all: refused",
}

func (p printer) tenants(t admin.Tenants) {
	p.Item("Tenants", beside, "%d, whose mail leaves", t.Total)
	for _, delivery := range admin.Deliveries {
		if n := t.By[delivery]; n > 0 {
			p.Line("%*s%6d %s", beside, "", n, deliveries[delivery])
		}
	}
	for _, note := range []struct {
		n    int
		text string
	}{
		{t.Shadow, "in mode shadow: this is logged only, and no mail is changed"},
		{t.NotLookedUp, "with a domain that is not looked up yet"},
		{t.Mixed, "with a domain whose mail leaves in a better way"},
	} {
		if note.n > 0 {
			p.below(beside, "Of them, %d %s", note.n, note.text)
		}
	}
}

func (p printer) messages(m admin.Messages) {
	var texts []string
	for _, c := range []struct {
		n    int64
		what string
	}{
		{m.Kept, "kept"}, {m.Rewritten, "rewritten"}, {m.Passed, "untouched"}, {m.Forwarded, "forwarded"},
		{m.Refused, "refused"}, {m.Deferred, "deferred"}, {m.Recipients, "recipients refused"}, {m.Fragile, "with a fragile signature"},
	} {
		if c.n > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if texts == nil {
		texts = []string{"none yet"}
	}
	p.Item("Messages", beside, "%s", strings.Join(texts, ", "))
}

// untrusted says what leaves unsigned because its client is not trusted.
func (p printer) untrusted(u admin.Untrusted) {
	if u.Messages == 0 {
		return
	}
	p.Item("NOT TRUSTED", beside, "%s from clients that are not trusted left as they came, the last %s from %s, From %s of %s. "+
		"If that client is an application server of yours, add it to trust.networks and reload (on a new host: onbehalf setup --trust NETWORK)",
		count(int(u.Messages), "message"), p.ago(u.Last), u.Client, u.From, cmp.Or(prefixed("tenant ", u.Tenant), "the platform"))
}

// prefixed puts a word in front of a text, if there is one.
func prefixed(word, text string) string {
	if text == "" {
		return ""
	}
	return word + text
}

func (p printer) signing(s admin.Signing) {
	switch {
	case s.Engine == "": // a daemon of an older version does not say
	case s.Engine == "openssl":
		p.Item("Signing", beside, "RSA by %s", s.Version)
	case s.Problem != "":
		p.Item("Signing", beside, "RSA by Go, which takes three times as long as OpenSSL: %s", s.Problem)
	default:
		p.Item("Signing", beside, "RSA by Go")
	}
	if s.Unproved > 0 {
		p.below(beside, "Go still signs with %s, while OpenSSL is proved with one after another", count(s.Unproved, "RSA key"))
	}
	if s.Failed != "" {
		p.below(beside, "THE PLATFORM'S KEYS DO NOT SIGN: %s. Run: onbehalf check-config", s.Failed)
	}
	if s.Fallbacks > 0 {
		p.below(beside, "OpenSSL FAILED %s, and Go signed instead: %s. If that goes on, set signing: {engine: go} and reload",
			count(int(s.Fallbacks), "time"), s.Problem)
	}
}

// log says what of the log was lost, if anything.
func (p printer) log(l admin.Log) {
	if l.Dropped > 0 {
		p.Item("Log", beside, "%s DROPPED, the last %s, because %s. Check what reads the daemon's standard error",
			count(int(l.Dropped), "line"), p.ago(l.Last), l.Problem)
	}
}
