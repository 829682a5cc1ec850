package milter

import (
	"errors"
	"strings"

	library "github.com/emersion/go-milter"

	"onbehalf/rewrite"
)

// Reply is the one place where a plan that refuses becomes an SMTP reply (RFC 5321
// section 4.2, enhanced codes by RFC 3463). Each says what the sender can do.
func Reply(plan rewrite.Plan) string {
	switch plan.Row {
	case rewrite.RowReturn:
		return "550 5.7.1 " + plan.Reason + " (" + plan.Detail + "); write to the person directly, or submit the message where you log in"
	case rewrite.RowLoop:
		return "554 5.4.6 " + plan.Reason + ": " + plan.Detail + "; check for a forwarding loop behind this address"
	case rewrite.RowTooMany:
		return "550 5.6.0 " + plan.Reason + " (" + plan.Detail + "); send each field once"
	case rewrite.RowForbidden:
		if plan.ByNetwork {
			return "550 5.7.1 " + plan.Detail + "; send it from a host that belongs to the address in From, or use another From"
		}
		return "550 5.7.1 " + plan.Detail + "; use the login that belongs to the address in From, or another From"
	case rewrite.RowUnreadable:
		return "550 5.6.0 the author of this message cannot be read (" + plan.Detail + "); send one From field like: From: \"Name\" <name@example.org>"
	default:
		return "550 5.7.1 " + plan.Reason + ": " + plan.Detail + "; use an address of a domain registered with this platform in From"
	}
}

func refusalOf(plan rewrite.Plan) library.Response { return answerWith(Reply(plan)) }

// maxRefused is how many recipients one connection may get wrong before we take it
// for guessing.
const maxRefused = 20

// busy answers when other messages have all the memory. It is soon free again.
const busy = "too much mail at once; try again soon"

// unready answers while there is nothing to decide by.
const unready = "this mail host waits for its configuration to be repaired; the sender keeps the message and tries again"

// refusedRecipient answers for an address of ours that leads nowhere.
func refusedRecipient(err error) library.Response {
	switch {
	case errors.Is(err, errGuessing):
		return refusal("421", "4.7.0", err.Error())
	case errors.Is(err, errRefused), errors.Is(err, errLetters):
		return refusal("450", "4.7.1", err.Error())
	case errors.Is(err, errMemory):
		return refusal("451", "4.3.2", busy)
	case errors.Is(err, rewrite.ErrClassic):
		return refusal("550", "5.7.1", "this address does not accept your message: "+err.Error())
	case errors.Is(err, rewrite.ErrSpelling):
		return refusal("550", "5.1.3", "there is no mailbox behind this address: "+err.Error())
	}
	return refusal("550", "5.1.1", "there is no mailbox behind this address: "+err.Error())
}

// deferral asks to try again later: the fault is ours (RFC 3463, X.7.5).
func deferral(text string) library.Response {
	return refusal("451", "4.7.5", text+"; the sender keeps it and tries again")
}

// maxReply bounds a reply: a line has at most 512 octets (RFC 5321
// section 4.5.3.1.5).
const maxReply = 410

func refusal(code, enhanced, text string) library.Response {
	return answerWith(code + " " + enhanced + " " + text)
}

// answerWith makes a reply of text that may quote the message. Postfix takes printable
// ASCII, and reads % as the start of a format.
func answerWith(text string) library.Response {
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
	return library.NewResponseStr(byte(library.ActReplyCode), text)
}
