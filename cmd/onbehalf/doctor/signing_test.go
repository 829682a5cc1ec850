package doctor

import (
	"strings"
	"testing"

	"onbehalf/admin"
)

// TestSigning: what is said of the engine is what signs.
func TestSigning(t *testing.T) {
	for _, test := range []struct {
		signing admin.Signing
		level   Level
		what    string // empty: nothing is said
	}{
		{admin.Signing{}, OK, ""},
		{admin.Signing{Engine: "openssl", Version: "OpenSSL 3.0.19"}, OK, "it signs by OpenSSL 3.0.19"},
		{admin.Signing{Engine: "openssl", Version: "OpenSSL 3.0.19", Unproved: 7}, OK, "with 7 new RSA keys by Go until"},
		{admin.Signing{Engine: "openssl", Fallbacks: 1, Unproved: 7}, Warning, "OpenSSL failed"},
		{admin.Signing{Engine: "go", Problem: "no such library"}, Warning, "OpenSSL is not used"},
		{admin.Signing{Engine: "go"}, OK, "Go's own RSA"},
	} {
		d := new(doctor)
		d.signing(test.signing)
		if test.what == "" {
			if len(d.findings) != 0 {
				t.Errorf("%+v: %+v", test.signing, d.findings)
			}
			continue
		}
		if len(d.findings) != 1 || d.findings[0].Level != test.level || !strings.Contains(d.findings[0].What, test.what) {
			t.Errorf("%+v: %+v, want %q", test.signing, d.findings, test.what)
		}
	}
}
