package rewrite

import (
	"fmt"
	"slices"
	"strings"

	"onbehalf/dmarc"
	"onbehalf/message"
)

// cameFrom looks at the Received fields, from the top, for a stranger that this host took
// the message from; empty: there is none. A filter or a list manager on this host hands
// back what strangers sent, and a message is no more trusted then than it was when
// it came. Fields of the host's own clients, a filter or a local program, say nothing yet
// about where they have the message from. One that another host has written ends the
// search: what stands below it may be anybody's words. Who logs in is no filter.
func (f *facts) cameFrom() string {
	if f.platform.Trust.Reinjected || f.m.Submitter.Login != "" && f.platform.Trust.Authenticated {
		return ""
	}
	for _, field := range f.m.Header {
		if !field.Is("Received") {
			continue
		}
		hop := message.ParseReceived(field.Value)
		ours := !f.m.Host.IsZero() && hop.By == f.m.Host
		switch {
		case ours && hop.Local, hop.Client.IsLoopback() && (ours || !hop.Authenticated):
			continue
		case !ours:
			return ""
		case hop.Authenticated && f.platform.Trust.Authenticated, f.platform.Trusts(message.Submitter{Client: hop.Client}):
			return ""
		case !hop.Client.IsValid():
			return "its topmost Received field does not say from where"
		}
		return fmt.Sprintf("from %s, says its topmost Received field", hop.Client)
	}
	return ""
}

// handsBack reports whether the submitter is such a filter: a program of this host that
// sends as no tenant of its own. Others do not get round what binds them by a field that
// they may have written themselves.
func (f *facts) handsBack() bool {
	client := f.m.Submitter.Client
	here := f.m.Submitter.Local || client.IsLoopback() || slices.Contains(f.platform.SendingIPs, client)
	return f.bound == nil && here
}

// completes reports whether Postfix adds the domain to a word without one: it is the
// host's own name, or one above it ($myorigin), and no tenant's.
func (f *facts) completes(d message.Domain) bool {
	if f.m.Host.IsZero() || !f.m.Host.Within(d) || !d.Within(dmarc.Listed(f.m.Host)) {
		return false
	}
	owner, _ := f.owner(d)
	return owner == nil
}

// addsOnly reports whether the domain is one that Postfix adds, and that nobody sends from.
func (f *facts) addsOnly(d message.Domain) bool { return f.completes(d) && !f.platform.Owns(d) }

// madeByPostfix reports whether the message is a bounce that Postfix made, or the copy of one
// for its postmaster (notify_classes): local, from nobody or from double-bounce, by an author
// of which there is one on each host. Any local program may write such a message, but none that
// is anybody else's.
func (f *facts) madeByPostfix() bool {
	if !f.m.Submitter.Local || len(f.fields) != 1 || len(f.author.Mailboxes) != 1 {
		return false
	}
	sender := f.m.Envelope.ReversePath
	return f.isPostfix(f.author.Mailboxes[0].Address) && (sender.Null() || f.isPostfix(sender.Address))
}

// isPostfix reports whether an address is one that Postfix writes as itself.
func (f *facts) isPostfix(a message.Address) bool {
	itself := strings.EqualFold(a.Local, "MAILER-DAEMON") || strings.EqualFold(a.Local, "double-bounce")
	return itself && (a.Domain == f.m.Host || f.completes(a.Domain))
}

// chooseSender puts the author in the place of an envelope sender that nobody chose: of
// mail of a local program that named none, Postfix makes one of the program's account and
// the host's name. By SMTP it was chosen. A platform that lists the name sends from it.
func (f *facts) chooseSender() {
	if !f.m.Submitter.Local || f.unreadable != "" || f.class == ofPlatform {
		return
	}
	author := f.author.Mailboxes[0].Address
	if !f.addsOnly(f.m.Envelope.ReversePath.Address.Domain) || !author.Writable(f.m.Envelope.SMTPUTF8) {
		return
	}
	f.m.Envelope.ReversePath = message.PathOf(author)
	f.chosen = &author
}

// decidedBefore reports whether the message is one that we have signed a moment ago, and
// that a filter hands back.
func (f *facts) decidedBefore() bool { return f.m.Signed && f.handsBack() }
