package verify

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"onbehalf/test/peer"
)

// OpenDKIM asks opendkim in its test mode, in which it reads a message from a
// file and shows the Authentication-Results field that it would add. In that mode
// it cannot read a NUL, nor a last line without its end; the test fails on both.
//
// Its resolver is libunbound, which recurses from the root. Its configuration says that the
// DNS server is the root and may be on loopback, and that DNSSEC is not asked for.
func OpenDKIM(t testing.TB, nameserver string, message []byte) []Result {
	t.Helper()
	const opendkim = "/usr/sbin/opendkim"
	peer.Need(t, opendkim)
	if bytes.IndexByte(message, 0) >= 0 || !bytes.HasSuffix(message, []byte("\r\n")) {
		t.Fatal("opendkim -t cannot read a message with a NUL or without a final CRLF")
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	resolver := file("unbound.conf", "server:\n do-not-query-localhost: no\n module-config: iterator\n"+
		"stub-zone:\n name: .\n stub-addr: "+host(t, nameserver)+"@"+port(t, nameserver)+"\n")
	conf := file("opendkim.conf", "Mode v\nSyslog no\nResolverConfiguration "+resolver+"\n")
	mail := file("message", string(message))
	return authenticationResults(string(run(t, nil, opendkim, "-vvv", "-x", conf, "-t", mail)))
}

// outcome is one dkim result of the field that OpenDKIM would add, as in
//
//	dkim=fail reason="signature verification failed" (2048-bit key; unprotected)
//	header.d=yourorg.example header.i=@yourorg.example header.a=rsa-sha256
//	header.s=cw1 header.b=jXe10Ws7;
var outcome = regexp.MustCompile(`\bdkim=(\w+)(?:[^;("]|"[^"]*"|\([^)]*\))*`)

func authenticationResults(output string) []Result {
	var results []Result
	for _, m := range outcome.FindAllStringSubmatch(output, -1) {
		text, _, _ := strings.Cut(m[0], " header.")
		r := Result{
			Domain:    property(m[0], "d"),
			Selector:  property(m[0], "s"),
			Algorithm: property(m[0], "a"),
			Verdict:   Bad,
			Text:      text,
		}
		if m[1] == "pass" {
			r.Verdict = OK
		}
		results = append(results, r)
	}
	return results
}

// property finds header.name=value.
func property(outcome, name string) string {
	_, value, _ := strings.Cut(outcome, " header."+name+"=")
	value, _, _ = strings.Cut(value, " ")
	return value
}
