package packaging

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/miekg/dns"
)

// testNewcomer goes the way of the README on a host that has never seen the package: install, set
// up, publish, first signed message, what breaks and how it is fixed, upgrade, removal. Around the
// host, on addresses of its loopback: the application's server, the customer's DNS, and a public
// receiver. testdata/newcomer.sh has them. The time that it takes is logged.
func testNewcomer(t *testing.T, r *root) {
	write(t, r.folder+"/root/newcomer.sh", string(read(t, "testdata/newcomer.sh")), 0o644)
	begin := time.Now()
	way := func(what, script string) string {
		t.Helper()
		t.Logf("%5.1f s: %s", time.Since(begin).Seconds(), what)
		return r.run(t, ". ./newcomer.sh\n"+script)
	}
	r.run(t, ". ./newcomer.sh\nsurroundings")
	begin = time.Now()

	way("the package, beside a running Postfix", `install_deb ./old.deb`)
	way("set up: the configuration, two keys, Postfix", `
		onbehalf setup --yes --apply --name Courseware --domain courseware.nl --sending-ip $host --mail-host mail.courseware.nl >setup.log
		grep -q "postconf -e 'smtpd_milters = unix:onbehalf/milter.sock'" setup.log
		sed -i 's/mode: shadow/mode: enforce/' /etc/onbehalf/onbehalf.yaml
		grep -q $app /etc/onbehalf/onbehalf.yaml || sed -i "s|\"::1/128\"\]|\"::1/128\", $app]|" /etc/onbehalf/onbehalf.yaml
		echo "dns: {pending_every: 1s, active_every: 1s, demote_after: 1s}" >>/etc/onbehalf/onbehalf.yaml
		onbehalf check-config
		systemctl restart onbehalf
		postfix reload`)
	way("the platform's DNS", `
		fails onbehalf check
		onbehalf dns --mail-host mail.courseware.nl --zone >zones/platform
		publish
		onbehalf check >check || fail "$(cat check)"
		onbehalf doctor >doctor || fail "$(cat doctor)"`)
	way("a tenant", `
		onbehalf keygen --domain university.example --selector cw1
		cat >/etc/onbehalf/tenants.d/university.yaml <<-END
			tenants:
			  - id: university
			    name: Example University
			    domains: [university.example]
			    dkim: [{selector: cw1, key: university.example-cw1.pem}]
		END
		onbehalf check-config && systemctl reload onbehalf
		onbehalf dns --mail-host mail.courseware.nl --zone >zones/platform
		publish
		fails onbehalf check university`)
	before := way("a message of the tenant, which has published nothing: it arrives in the platform's name", `
		until from_app; do sleep 1; done
		arrives "From: .*via Courseware.* <noreply@courseware.nl>"`)
	signedBy(t, r, before, "courseware.nl")

	way("the tenant's DNS", `onbehalf dns university --text >letter
		grep -q university.example letter
		onbehalf dns university --zone >zones/university.records
		publish_university
		becomes 0 status_of onbehalf check university`)
	signed := way("the first message that leaves as the tenant's own", `
		until from_app && arrives "From: .*someone@university.example"; do sleep 1; done`)
	signedBy(t, r, signed, "university.example")
	first := time.Since(begin)

	broken := way("the tenant's DNS loses the records: mail arrives in the platform's name again", `
		unpublish_university
		until from_app && arrives "From: .*via Courseware.* <noreply@courseware.nl>"; do sleep 1; done
		fails onbehalf check university`)
	signedBy(t, r, broken, "courseware.nl")
	repaired := way("and has them again", `
		publish_university
		until from_app && arrives "From: .*someone@university.example"; do sleep 1; done`)
	signedBy(t, r, repaired, "university.example")
	kept := way("a broken configuration changes nothing, and is fixed", `
		echo "  nonsense" >>/etc/onbehalf/tenants.d/university.yaml
		fails systemctl reload onbehalf
		from_app
		arrives "From: .*someone@university.example"
		sed -i /nonsense/d /etc/onbehalf/tenants.d/university.yaml
		systemctl reload onbehalf`)
	signedBy(t, r, kept, "university.example")
	upgraded := way("an upgrade", `install_deb ./next.deb
		from_app
		arrives "From: .*someone@university.example"`)
	signedBy(t, r, upgraded, "university.example")
	way("it is taken out of Postfix: mail leaves as it did before", `
		onbehalf setup --remove </dev/null >shown # where nobody can agree, it only shows what it would do
		is unix:onbehalf/milter.sock postconf -h smtpd_milters
		onbehalf setup --remove --yes >removal || fail "$(cat removal)"
		is "" sh -c "postconf -n | grep onbehalf"
		is "" sh -c "postconf -P | grep onbehalf"
		from_app
		arrives "From: .*someone@university.example"
		fails grep -i "^DKIM-Signature:" message`)
	again := way("and put in again", `
		onbehalf setup --yes --apply >setup.log || fail "$(cat setup.log)"
		postfix reload
		from_app
		arrives "From: .*someone@university.example"`)
	signedBy(t, r, again, "university.example")
	way("removal of the package, by the commands that it prints", `
		apt-get remove -y -qq onbehalf 2>&1 | tr -d "\r" >removal
		grep "^  post" removal >commands
		. ./commands
		from_app
		arrives "From: .*someone@university.example"
		fails grep -i "^DKIM-Signature:" message`)
	report(t, fmt.Sprintf("the newcomer's way: first signed message after %.1f s, all after %.1f s", first.Seconds(), time.Since(begin).Seconds()))
}

// report logs a line, and adds it to the file that .ci/run prints at its end, for "go test" shows no
// log of a test that passes.
func report(t *testing.T, line string) {
	t.Helper()
	t.Log(line)
	name := os.Getenv("NEWCOMER_LOG")
	if name == "" {
		return
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := fmt.Fprintf(file, "%s: %s\n", t.Name(), line); err != nil {
		t.Fatal(err)
	}
}

// signedBy fails unless the message at the end of what a script has said has a signature of a
// domain that the published keys verify, and no other.
func signedBy(t *testing.T, r *root, said, domain string) {
	t.Helper()
	_, message, found := strings.Cut(said, "MESSAGE\n")
	if !found {
		t.Fatalf("no message in:\n%s", said)
	}
	message = strings.ReplaceAll(strings.ReplaceAll(message, "\r\n", "\n"), "\n", "\r\n")
	records := publishedTexts(t, r)
	verifications, err := dkim.VerifyWithOptions(strings.NewReader(message), &dkim.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) {
			if text := records[strings.TrimSuffix(name, ".")]; text != "" {
				return []string{text}, nil
			}
			return nil, fmt.Errorf("%s has no TXT record", name)
		},
	})
	if err != nil || len(verifications) == 0 {
		t.Fatalf("%d signatures, %v:\n%s", len(verifications), err, message)
	}
	for _, v := range verifications {
		if v.Err != nil || v.Domain != domain {
			t.Errorf("a signature of %s, not of %s: %v\n%s", v.Domain, domain, v.Err, message)
		}
	}
}

// publishedTexts returns the TXT records that are published, those behind an alias, too.
func publishedTexts(t *testing.T, r *root) map[string]string {
	t.Helper()
	texts, aliases := make(map[string]string), make(map[string]string)
	zone := dns.NewZoneParser(bytes.NewReader(read(t, r.folder+"/root/zones/all")), ".", "")
	for record, ok := zone.Next(); ok; record, ok = zone.Next() {
		name := strings.TrimSuffix(record.Header().Name, ".")
		switch record := record.(type) {
		case *dns.TXT:
			texts[name] = strings.Join(record.Txt, "")
		case *dns.CNAME:
			aliases[name] = strings.TrimSuffix(record.Target, ".")
		}
	}
	if err := zone.Err(); err != nil {
		t.Fatal(err)
	}
	for name, target := range aliases {
		texts[name] = texts[target]
	}
	return texts
}
