package postfix

import "testing"

func TestOlder(t *testing.T) {
	for version, want := range map[string]bool{"3.7.11": false, "3.10.1": false, "3.6.4": true, "2.11": true, "4.0": false, "3.8-20230101": false, "": false, "x": false} {
		if Older(version, "3.7") != want {
			t.Errorf("%q: %v", version, !want)
		}
	}
}

// TestReportsTLS: a version that nothing is known of is not given attributes that stop mail.
func TestReportsTLS(t *testing.T) {
	for version, want := range map[string]bool{"3.7.11": false, "3.9.1": false, "3.10.0": true, "3.10-20250101": true, "3.11": true, "4.0": true, "": false} {
		if postfixWith("mail_version = "+version).reportsTLS() != want {
			t.Errorf("%q: %v", version, !want)
		}
	}
}
