package keys

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"onbehalf/test/nameserver"
	verifiers "onbehalf/test/verify"
)

// Verifiers that others wrote. Python is Debian's own, for that is where its
// packages are.
var peers = []struct {
	name    string
	present []string // succeeds if the verifier is there
	run     []string
	ed25519 bool
}{
	{"dkimpy (apt install python3-dkim python3-nacl)",
		[]string{"/usr/bin/python3", "-c", "import dkim, nacl.signing"}, []string{"/usr/bin/python3", "testdata/verify.py"}, true},
	{"Mail::DKIM (apt install libmail-dkim-perl)",
		[]string{"/usr/bin/perl", "-MMail::DKIM::Verifier", "-e", "1"}, []string{"/usr/bin/perl", "testdata/verify.pl"}, false},
}

// job is what the scripts in testdata read.
type job struct {
	DNS      map[string]string `json:"dns"`
	Messages map[string][]byte `json:"messages"`
}

// Every verdict on every signature of every case, and on what became of a message
// on its way.
func TestPeersVerify(t *testing.T) {
	work, want := peerJob(t)
	for _, peer := range peers {
		t.Run(strings.Fields(peer.name)[0], func(t *testing.T) {
			need(t, peer.name, peer.present)
			verdicts := ask(t, peer.run, work)
			for name := range work.Messages {
				if got := outcome(verdicts[name], peer.ed25519); got != want[name] {
					t.Errorf("%s: %s, want %s", name, got, want[name])
				}
			}
		})
	}
}

// peerJob gives messages and what is to be said of them.
func peerJob(t *testing.T) (job, map[string]string) {
	r, rsa, ed := testRing(t)
	work, want := job{records(t, r), map[string][]byte{}}, map[string]string{}
	put := func(name, mail, verdict string) {
		work.Messages[name], want[name] = []byte(mail), verdict
	}
	for _, c := range cases {
		h := header(t, c.header)
		put(c.name, wire(signed(t, r, h, c.body, 4096, rsa, ed), h, c.body), "good")
	}
	h, body := header(t, untampered), cases[0].body
	mail := wire(signed(t, r, h, body, 4096, rsa, ed), h, body)
	for _, c := range tampered {
		put(c.name, c.change(mail), "bad")
	}
	for _, c := range harmless {
		put(c.name, c.change(mail), "good")
	}
	return work, want
}

// outcome sums up the verdicts on our two signatures.
func outcome(verdicts [][2]string, ed25519 bool) string {
	var pass, other int
	for _, v := range verdicts {
		switch selector, verdict := v[0], v[1]; {
		case selector == "x" || selector == "e1" && !ed25519:
		case verdict == "pass":
			pass++
		default:
			other++
		}
	}
	switch ours := map[bool]int{true: 2, false: 1}[ed25519]; {
	case pass == ours && other == 0:
		return "good"
	case pass == 0 && other == ours:
		return "bad"
	}
	return fmt.Sprint(verdicts)
}

// need skips the test when a verifier is not installed; under CI that is a failure.
func need(t *testing.T, name string, present []string) {
	t.Helper()
	out, err := exec.Command(present[0], present[1:]...).CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is missing: %v\n%s", name, err, out)
	default:
		t.Skipf("NOT TESTED: %s is missing: %v\n%s", name, err, out)
	}
}

func ask(t *testing.T, run []string, work job) map[string][][2]string {
	t.Helper()
	in, err := json.Marshal(work)
	must(t, err)
	var talk bytes.Buffer
	cmd := exec.Command(run[0], run[1:]...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &talk
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", run, err, &talk)
	}
	var verdicts map[string][][2]string
	must(t, json.Unmarshal(out, &verdicts))
	return verdicts
}

// OpenDKIM has a test mode for one message at a time, and a resolver that asks real servers.
func TestOpenDKIMVerifies(t *testing.T) {
	work, want := peerJob(t)
	var zone []string
	for name, text := range work.DNS {
		zone = append(zone, nameserver.TXT(name, text))
	}
	server := nameserver.Start(t, zone...)
	for name, mail := range work.Messages {
		if bytes.IndexByte(mail, 0) >= 0 || !bytes.HasSuffix(mail, []byte("\r\n")) {
			continue // its test mode cannot read these
		}
		var verdicts [][2]string
		for _, r := range verifiers.OpenDKIM(t, server.Addr, mail) {
			verdict := map[verifiers.Verdict]string{verifiers.OK: "pass"}[r.Verdict]
			verdicts = append(verdicts, [2]string{r.Selector, cmp.Or(verdict, r.Text)})
		}
		if got := outcome(verdicts, true); got != want[name] {
			t.Errorf("%s: %s, want %s", name, got, want[name])
		}
	}
}
