package authorize_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"onbehalf/authorize"
)

const publicRSA = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDJUK55mqQXGbg34V+6fwglw8XgU2jQBnF9vZiF6O6JZm/NunjkYLUi+msrIfGMlTUDA/kBBRh7p+BiNgDdeG4SCah5VpV5Kk5fmVp99hCQ/GlyQEZDR1+pX85/WKbhou+OcdR5ZDanj1GEiTBsAygzf2zmDNNsi61h+qWEfIGOCwIDAQAB"

// TestVerifyCause: what the library says of records and signatures comes out in our words.
func TestVerifyCause(t *testing.T) {
	const key = "MCowBQYDK2VwAyEA" // too short for anything
	signed := "DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=s; h=From; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\nFrom: a@x.example\r\n\r\n"
	for record, want := range map[string]string{
		"":                                  "there is no record of its key",
		"v=DKIM1; p=":                       "its key is revoked",
		"v=DKIM1; p=" + key:                 "the record of its key is not a DKIM key",
		"v=DKIM1; k=rot13; p=" + key:        "the record of its key is not a DKIM key",
		"v=DKIM2; p=" + key:                 "the record of its key is not a DKIM key",
		"v=DKIM1":                           "the record of its key is not a DKIM key",
		"nonsense":                          "the record of its key is not a DKIM key",
		"v=DKIM1; s=tlsrpt; p=" + publicRSA: "the record of its key is not for mail",
		"v=DKIM1; h=sha1; p=" + publicRSA:   "the record of its key is for another algorithm",
		"v=DKIM1; p=" + publicRSA:           "the body is not the one that was signed",
	} {
		all, err := dkim.VerifyWithOptions(strings.NewReader(signed), &dkim.VerifyOptions{LookupTXT: func(string) ([]string, error) {
			if record == "" {
				return nil, nil
			}
			return []string{record}, nil
		}})
		if err != nil || len(all) != 1 || all[0].Err == nil {
			t.Fatalf("%q: %v, %+v", record, err, all)
		}
		if got := authorize.VerifyCause(all[0].Err); got != want {
			t.Errorf("%q: %q, of %q, want %q", record, got, all[0].Err, want)
		}
	}
	if got := authorize.VerifyCause(errors.New("dkim: something new")); got != "it cannot be verified: something new" {
		t.Error(got)
	}
}
