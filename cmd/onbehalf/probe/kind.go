package probe

import "onbehalf/receivers"

// Kind is a finding in one word, for programs.
type Kind string

const (
	Accepted Kind = "accepted"
	NotYet   Kind = "not-delivered-directly"

	NoSuchName Kind = "no-such-name"
	NullMX     Kind = "null-mx"
	NoAnswer   Kind = "no-answer" // of DNS

	TimedOut    Kind = "time-out"
	Refused     Kind = "connection-refused"
	Unreachable Kind = "unreachable"
	Closed      Kind = "closed"
	NoSMTP      Kind = "no-smtp"

	NoSTARTTLS         Kind = "starttls-missing"
	TLSFailed          Kind = "tls-failed"
	PlainText          Kind = "postfix-plain-text"
	CertificateName    Kind = "certificate-name"
	CertificateTrust   Kind = "certificate-trust"
	CertificateExpired Kind = "certificate-expired"

	OtherAddress   Kind = "other-local-address"
	OurCertificate Kind = "our-certificate"

	RejectDirectSend Kind = "reject-direct-send"
	NoConnector      Kind = "no-connector"
	Throttled        Kind = "throttled"
	Greylisting      Kind = "greylisting"
	NotOurIP         Kind = "not-our-ip"
	RelayDenied      Kind = "relay-denied"
	InboundGateway   Kind = "inbound-gateway"
	TLSRequired      Kind = "tls-required"
	BlockList        Kind = "block-list"
	AntiSpoofing     Kind = "anti-spoofing"
	SenderRefused    Kind = "sender-refused"
	OtherSender      Kind = "other-sender-refused" // one that mail does not have
	NoPostmaster     Kind = "no-postmaster"
	ReplyUnknown     Kind = "reply-unknown"
)

// known are the replies that have a sentence of their own, by their entry in package receivers.
var known = map[int]Kind{
	13: TLSRequired, 14: InboundGateway, 15: TLSRequired, 23: RejectDirectSend, 24: NoConnector, 25: Throttled, 27: NotOurIP,
	52: AntiSpoofing, 62: Greylisting, 63: NotOurIP, 64: RelayDenied, 65: BlockList, 69: SenderRefused,
}

// kindOf names what a reply means: by itself, or else by its class.
func kindOf(m receivers.Meaning) Kind {
	if kind, found := known[m.Entry]; found {
		return kind
	}
	switch m.Class {
	case receivers.Other:
		return ReplyUnknown
	case receivers.Mailbox:
		return NoPostmaster
	}
	return Kind("reply-" + string(m.Class))
}
