package keys

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"onbehalf/message"
)

func named(names ...string) message.Header {
	var h message.Header
	for _, name := range names {
		h = append(h, message.Field{Name: name, Value: " x"})
	}
	return h
}

func times(n int, name string) []string { return slices.Repeat([]string{name}, n) }

// signedFields returns the names for h=.
func signedFields(h message.Header) ([]string, error) {
	c, err := cover(h)
	return c.names, err
}

// countNames returns how often each name occurs, by the name in lower case.
func countNames(h message.Header) map[string]int {
	n := make(map[string]int)
	for _, f := range h {
		n[strings.ToLower(f.Name)]++
	}
	return n
}

const absent = "Reply-To:Subject:To:Cc:Date:Message-ID"

func TestSignedFields(t *testing.T) {
	for _, c := range []struct {
		what   string
		header message.Header
		want   string
	}{
		{"only From", named("From"), "From:From:" + absent},
		{"each guarded once", named("Message-Id", "date", "TO", "CC", "Subject", "Reply-To", "From"),
			"From:From:Reply-To:Reply-To:Subject:Subject:To:To:Cc:Cc:Date:Date:Message-ID:Message-ID"},
		{"repeated in two spellings", named("From", "To", "TO", "to"), "From:From:Reply-To:Subject:To:To:To:To:Cc:Date:Message-ID"},
		{"meaning", named("content-type", "MIME-Version", "From", "List-Unsubscribe", "X-Original-From", "Content-Type"),
			"From:From:" + absent + ":MIME-Version:MIME-Version:Content-Type:Content-Type:Content-Type:List-Unsubscribe:List-Unsubscribe:X-Original-From:X-Original-From"},
		{"optional", named("List-Id", "From", "Resent-To", "Sender", "list-post", "Resent-To", "LIST-ID"),
			"From:From:" + absent + ":List-Id:List-Id:Resent-To:Resent-To:Sender:list-post"},
		{"feedback", named("From", "Feedback-ID"), "From:From:" + absent + ":Feedback-ID"},
		{"never", named("Return-Path", "Received", "Bcc", "Resent-Bcc", "From", "DKIM-Signature", "Authentication-Results",
			"ARC-Seal", "X-Mailer", "Listing", "List-;x", "List-a=b", "List-ü"), "From:From:" + absent},
		{"optional that does not fit", named(slices.Concat([]string{"From"}, times(500, "List-Archive"), []string{"List-Id"})...),
			"From:From:" + absent + ":List-Id"},
		{"optional of one long name", named("From", "List-"+strings.Repeat("x", 900)), "From:From:" + absent},
	} {
		got, err := signedFields(c.header)
		if err != nil || strings.Join(got, ":") != c.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.what, err, strings.Join(got, ":"), c.want)
		}
	}
}

func TestSignedFieldsBound(t *testing.T) {
	room := maxNames - len("From:From:"+absent) - 1
	fits := room / len("To:")
	if names, err := signedFields(named(append(times(fits, "To"), "From")...)); err != nil || len(strings.Join(names, ":")) >= maxNames {
		t.Errorf("%d To fields: %v, %d octets", fits, err, len(strings.Join(names, ":")))
	}
	for _, h := range []message.Header{
		named(append(times(fits+1, "To"), "From")...),
		named(append(times(3000, "To"), "From")...),
		named(append(times(500, "Content-Type"), "From")...),
	} {
		if names, err := signedFields(h); !errors.Is(err, ErrTooManyFields) || names != nil {
			t.Errorf("%d fields: %v, %v", len(h), names, err)
		}
	}
}

// Whatever a header holds: the tag stays on its line, From is guarded, nothing is
// listed that servers change, and nothing that would end the tag.
func FuzzSignedFields(f *testing.F) {
	f.Add("From\nTo\nSubject")
	f.Add("Received\nBcc\nlist-id\nResent-Bcc\nARC-Seal\nList-;d=evil.example")
	f.Add(strings.Repeat("To\n", 300))
	f.Add(strings.Repeat("Resent-To\n", 100) + strings.Repeat("List-Unsubscribe\n", 40)) // TestSignedFieldsBound has more
	f.Fuzz(func(t *testing.T, names string) {
		h := named(strings.Split(names, "\n")...)
		signed, err := signedFields(h)
		if err != nil {
			if signed != nil || len(h) < 100 {
				t.Fatalf("%d fields: %q, %v", len(h), signed, err)
			}
			return
		}
		if tag := strings.Join(signed, ":"); len(tag) >= maxNames || strings.ContainsAny(tag, ";=\r\n\x00 \t") {
			t.Errorf("h=%s", tag)
		}
		count := countNames(named(signed...))
		have := countNames(h)
		for name, n := range count {
			if spare := n - have[name]; spare < 0 || spare > 1 {
				t.Errorf("%s is listed %d times and occurs %d times", name, n, have[name])
			}
			if slices.Contains([]string{"return-path", "received", "bcc", "resent-bcc", "dkim-signature", "authentication-results"}, name) || strings.HasPrefix(name, "arc-") {
				t.Errorf("%s is listed", name)
			}
		}
		for _, name := range guardedFields {
			if name = strings.ToLower(name); count[name] != have[name]+1 {
				t.Errorf("%s is listed %d times and occurs %d times", name, count[name], have[name])
			}
		}
	})
}
