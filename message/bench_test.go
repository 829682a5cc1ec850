package message_test

import (
	"strings"
	"testing"

	"onbehalf/message"
)

func BenchmarkParseFrom(b *testing.B) {
	for _, bench := range []struct{ name, value string }{
		{"plain", " Academy <academy@yourorganisationname.nl>"},
		{"encoded", " =?utf-8?Q?Acad=C3=A9mie?= =?utf-8?B?IFpvw6s=?= <academy@yourorganisationname.nl>"},
		{"U-label", " Academy <academy@münchen.example>"},
		{"repaired", " Doe, John <academy@yourorganisationname.nl>"},
		{"32kB", strings.Repeat("(x) ", 8_000) + "academy@yourorganisationname.nl"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := message.ParseFrom(bench.value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFormatMailboxes(b *testing.B) {
	author, err := message.ParseFrom("Zoë via Courseware <noreply@courseware.nl>")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		message.FormatMailboxes("From", author.Mailboxes...)
	}
}

func BenchmarkIsDate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if !message.IsDate(" Mon, 23 Nov 2026 09:00:00 +0100") {
			b.Fatal("a date cannot be read")
		}
	}
}
