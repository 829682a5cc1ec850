// Package verify asks DKIM verifiers that others wrote what they think of a
// message: dkimpy (Python), Mail::DKIM (Perl) and OpenDKIM (C). That our own
// library likes its own signatures proves little; receivers run these.
package verify

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"testing"

	"onbehalf/test/peer"
)

// Result is what a verifier says of one DKIM-Signature field.
type Result struct {
	Domain    string  // SDID, d=
	Selector  string  // s=
	Algorithm string  // a=, as "rsa-sha256"
	Verdict   Verdict // of the signature alone
	Text      string  // the verifier's own words
}

// Verdict is whether a signature verifies.
type Verdict string

const (
	OK          Verdict = "ok"
	Bad         Verdict = "bad"         // does not match, or no key to be had
	Unsupported Verdict = "unsupported" // the verifier does not know the algorithm
)

// Verifier checks all signatures of a message, given as it went over the wire,
// with the keys that the DNS server at nameserver (host:port) publishes. The
// results are in the order of the fields in the message.
type Verifier func(t testing.TB, nameserver string, message []byte) []Result

// All returns every Verifier under the name of its program.
func All() map[string]Verifier {
	return map[string]Verifier{"dkimpy": DKIMPy, "Mail::DKIM": MailDKIM, "OpenDKIM": OpenDKIM}
}

//go:embed dkimpy.py
var dkimpy string

// DKIMPy asks dkimpy, with the Python that Debian packages its modules for.
func DKIMPy(t testing.TB, nameserver string, message []byte) []Result {
	t.Helper()
	const python, modules = "/usr/bin/python3", "/usr/lib/python3/dist-packages/"
	peer.Need(t, python, modules+"dkim", modules+"dns", modules+"nacl")
	return decode(t, run(t, message, python, "-c", dkimpy, host(t, nameserver), port(t, nameserver)))
}

//go:embed maildkim.pl
var maildkim string

const perl, perlModules = "/usr/bin/perl", "/usr/share/perl5/"

// KnowsEd25519 reports whether a Verifier in All knows Ed25519. Mail::DKIM of Debian 13 does, that
// of Debian 12 does not.
func KnowsEd25519(name string) bool {
	if name != "Mail::DKIM" {
		return true
	}
	_, err := os.Stat(perlModules + "Mail/DKIM/Algorithm/ed25519_sha256.pm")
	return err == nil
}

// MailDKIM asks Perl's Mail::DKIM.
func MailDKIM(t testing.TB, nameserver string, message []byte) []Result {
	t.Helper()
	peer.Need(t, perl, perlModules+"Mail/DKIM.pm", perlModules+"Net/DNS.pm")
	return decode(t, run(t, message, perl, "-e", maildkim, host(t, nameserver), port(t, nameserver)))
}

// run returns what a program writes to its standard output.
func run(t testing.TB, input []byte, name string, args ...string) []byte {
	t.Helper()
	var talk bytes.Buffer
	program := exec.Command(name, args...)
	program.Stdin, program.Stderr = bytes.NewReader(input), &talk
	output, err := program.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, &talk)
	}
	return output
}

func decode(t testing.TB, output []byte) []Result {
	t.Helper()
	var results []Result
	if err := json.Unmarshal(output, &results); err != nil {
		t.Fatalf("%v in %q", err, output)
	}
	return results
}

func host(t testing.TB, addr string) string { h, _ := split(t, addr); return h }
func port(t testing.TB, addr string) string { _, p := split(t, addr); return p }

func split(t testing.TB, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}
