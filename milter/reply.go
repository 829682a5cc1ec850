package milter

import (
	"strings"

	library "github.com/emersion/go-milter"

	"onbehalf/rewrite"
)

// refusalOf is the one place where a verdict becomes an SMTP reply (RFC 5321
// section 4.2, enhanced codes by RFC 3463). Each tells the sender what to do.
func refusalOf(plan rewrite.Plan) library.Response {
	switch plan.Row {
	case rewrite.RowReturn:
		return refusal("554", "5.4.6", plan.Reason+": "+plan.Detail+"; look for a forwarding loop behind this address")
	case 10:
		return refusal("550", "5.7.1", plan.Detail+"; use the login that belongs to the address in From, or another From")
	case 9:
		return refusal("550", "5.6.0", "the author of this message cannot be read ("+plan.Detail+"); send one From field like: From: \"Name\" <name@example.org>")
	default:
		return refusal("550", "5.7.1", plan.Reason+": "+plan.Detail+"; use an address of a domain registered with this platform in From")
	}
}

// maxRefused is how many recipients one connection may get wrong before we take it
// for guessing.
const maxRefused = 20

// refusedRecipient answers for an address of ours that leads nowhere; n is the number
// of those on this connection.
func refusedRecipient(err error, n int) library.Response {
	if n > maxRefused {
		return refusal("421", "4.7.0", "too many unknown recipients on this connection")
	}
	return refusal("550", "5.1.1", "this address leads to nobody: "+err.Error())
}

// deferral asks to try again later: the fault is ours (RFC 3463, X.7.5).
func deferral(text string) library.Response {
	return refusal("451", "4.7.5", text+"; it stays with the sender and is tried again")
}

// maxReply bounds the text of a reply: a line has at most 512 octets (RFC 5321
// section 4.5.3.1.5).
const maxReply = 400

// refusal makes a reply of text that may quote the message. Postfix takes printable
// ASCII, and reads % as the start of a format.
func refusal(code, enhanced, text string) library.Response {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	if len(text) > maxReply {
		text = text[:maxReply] + "..."
	}
	text = strings.ReplaceAll(text, "%", "%%")
	return reply{library.NewResponseStr(byte(library.ActReplyCode), code+" "+enhanced+" "+text)}
}
