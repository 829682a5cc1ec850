package message_test

import (
	"net/netip"
	"strings"
	"testing"

	"onbehalf/message"
)

func TestParseReceived(t *testing.T) {
	const by = "mail.p.example"
	tests := []struct {
		name, in, by, client string
		authenticated, local bool
	}{
		{"plain", " from mx.far.example (mx.far.example [203.0.113.5])\r\n\tby mail.p.example (Postfix) with ESMTP id 4X\r\n\tfor <a@b.example>; Mon, 1 Jun 2026 09:00:00 +0000 (UTC)", by, "203.0.113.5", false, false},
		{"TLS", " from mx.far.example (unknown [203.0.113.5])\r\n\t(using TLSv1.3 with cipher X (256/256 bits)\r\n\t key-exchange X25519)\r\n\t(No client certificate requested)\r\n\tby mail.p.example (Postfix) with ESMTPS id 4X", by, "203.0.113.5", false, false},
		{"login", " from lms (lms [192.0.2.1])\r\n\t(Authenticated sender: lms)\r\n\tby mail.p.example (Postfix) with ESMTPSA id 4X", by, "192.0.2.1", true, false},
		{"SMTPUTF8 login", " from lms (lms [192.0.2.1])\r\n\tby mail.p.example (Postfix) with UTF8SMTPSA id 4X", by, "192.0.2.1", true, false},
		{"IPv6", " from x (x [IPv6:2001:db8::1])\r\n\tby mail.p.example (Postfix) with ESMTP id 4X", by, "2001:db8::1", false, false},
		{"no name", " from x ([203.0.113.5])\r\n\tby mail.p.example (Postfix) with ESMTP id 4X", by, "203.0.113.5", false, false},
		{"local", " by mail.p.example (Postfix, from userid 33)\r\n\tid 4X; Mon, 1 Jun 2026 09:00:00 +0000 (UTC)", by, "", false, true},
		{"HELO like an address", " from [127.0.0.1] (unknown [203.0.113.5])\r\n\tby mail.p.example (Postfix) with ESMTP id 4X", by, "203.0.113.5", false, false},
		{"HELO like a client", " from x([127.0.0.1]) (unknown [203.0.113.5])\r\n\tby mail.p.example (Postfix) with ESMTP id 4X", by, "203.0.113.5", false, false},
		{"HELO with a parenthesis", " from x( (unknown [203.0.113.5])\r\n\tby mail.p.example (Postfix) with ESMTP id 4X", by, "203.0.113.5", false, false},
		{"certificate like the rest", " from x (unknown [203.0.113.5])\r\n\t(Client CN \"[127.0.0.1]) by mail.p.example with ESMTPA\", Issuer \"x\" (not verified))\r\n\tby mail.p.example (Postfix) with ESMTPS id 4X", by, "203.0.113.5", false, false},
		{"recipient like the rest", " from x (unknown [203.0.113.5])\r\n\tby mail.p.example (Postfix) with ESMTP id 4X\r\n\tfor <\" by mail.p.example with ESMTPA id \"@b.example>; x", by, "203.0.113.5", false, false},
		{"unknown address", " from x (unknown [unknown])\r\n\tby mail.p.example (Postfix) with ESMTP id 4X", by, "", false, false},
		{"not folded", " from x (unknown [203.0.113.5]) by mail.p.example (Postfix) with ESMTPA id 4X", by, "203.0.113.5", false, false},
		{"filter", " from mail.p.example ([127.0.0.1])\r\n\tby localhost (mail.p.example [127.0.0.1]) (amavis, port 10024)\r\n\twith ESMTP id x", "localhost", "127.0.0.1", false, false},
		{"empty", "", "", "", false, false},
		{"from alone", " from", "", "", false, false},
		{"from and HELO", " from x", "", "", false, false},
		{"by alone", " by", "", "", false, false},
		{"with nothing", " by x with", "x", "", false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := message.Received{Authenticated: test.authenticated, Local: test.local}
			if test.by != "" {
				want.By = domain(t, test.by)
			}
			if test.client != "" {
				want.Client = netip.MustParseAddr(test.client)
			}
			if got := message.ParseReceived(test.in); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

func TestIsDate(t *testing.T) {
	for in, want := range map[string]bool{
		" Mon, 01 Jun 2026 09:00:00 +0200": true, "1 Jun 2026 09:00 GMT": true, "Mon,  1 Jun 26 9:00:00 EST": true, "01-Jun-2026 09:00:00 +0000": true,
		"Mon Jun  1 09:00:00 2026": true, "Mon, 01 June 2026 09:00:00 +0200 (Mitteleuropäische Sommerzeit)": true, "Mon,\r\n 01 Jun 2026 09:00:00 +0200": true, "Mon, 01 Jun 2026 23:59:60 -0000": true,
		"": false, " ": false, "now": false, "0": false, "Mon, 01 Jun 2026": false, "01 Jun 09:00:00 +0200": false, "2026-06-01": false, "Mon, 41 Jun 2026 09:00:00 +0200": false,
		"Mon, 01 Foo 2026 09:00:00 +0200": false, "Mon, 01 Jun 2026 29:00:00 +0200": false, "%date%": false, "Mon, 01 Jun 2026 09 +0200": false,
		"1 Jan AM 10:00": false, "Jan 2026 10:00": false, "0 Jan 2026 10:00": false, "32 Jan 2026 10:00": false, "31 Jan 2026 10:00": true, "005 Jan 2026 10:00": false,
		"1 Jan 202 10:00": false, "1 Jan 20266 10:00": false, "1 2026 10:00": false, "2026 1 Jan 10:00": false, "1 Jan 2026 10:00 a:b": true, "1 Jan 2026 10:0x": false, "1 Jan 2026 010:00": false,
		"1 Jan 2026 10:00:00:00": false, "1 Jan 2026 +9:00": false, "1 Jan 2026 10:00 a b c d e f": true, "1 Jan 2026 10:00 a b c d e f g": false, "(1 Jan 2026) 10:00": false,
	} {
		if got := message.IsDate(in); got != want {
			t.Errorf("IsDate(%q) = %v", in, got)
		}
	}
}

func TestHoldsAddress(t *testing.T) {
	for in, want := range map[string]bool{
		"a@x.example": true, "Ann <a@x.example>": true, "Ann <a @ x.example>": true, "Help: a@x.example, b@x.example;": true, "Ann <>, b@x.example": true,
		`"a b"@x.example`: true, "a@[192.0.2.1]": true, "(c) a (c) @x.example": true, "none, or a@x.example": true,
		"a@(c)x.example": true, "=?x@x.example": true, "x?=@x.example": true, `"=?utf-8?Q??="@x.example`: true, "a@x.example (": true, strings.Repeat("x", 40_000) + "@": true,
		"<@x.example>": false, "<a@>": false, "..@x.example": false, `""@x.example`: false,
		"": false, "<>": false, `"" <>`: false, `""`: false, ",": false, "none": false, "Nobody:;": false, "=?utf-8?Q??=": false, "=?utf-8?Q??= <>": false, "(a@x.example)": false,
		`"a@x.example" <>`: false, "<@>": false, "a@": false, "@x.example": false, " \r\n ": false, "<> , <>": false, ";": false, "@": false, "none@mail.p.example": false, "no@mail.p.example, reply@mail.p.example": false, "=?utf-8?Q??=@p.example": false, "none@mail.p.example, a@p.example": true, `"a@x.example"`: false,
	} {
		if got := message.HoldsAddress(in, func(d message.Domain) bool { return d == domain(t, "mail.p.example") }); got != want {
			t.Errorf("HoldsAddress(%q) = %v", in, got)
		}
	}
}
