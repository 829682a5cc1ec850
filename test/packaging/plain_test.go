package packaging

import (
	"strings"
	"testing"
)

// testPlain is the life of the package in a chroot where systemd is installed and does not run,
// as when an image is built.
func testPlain(t *testing.T, r *root) {
	says(t, r.run(t, `install_deb ./old.deb`), "Next, as root:", "onbehalf setup", "onbehalf dns", "postfix.example.cf")
	r.run(t, `
		mode "750 root:onbehalf" /etc/onbehalf/keys
		mode "640 root:onbehalf" /etc/onbehalf/keys/courseware-cw1.pem
		mode "640 root:onbehalf" /etc/onbehalf/keys/courseware-cw2.pem
		mode "640 root:onbehalf" /etc/onbehalf/srs.secrets
		mode "644 root:root" /etc/onbehalf/onbehalf.yaml
		mode "2750 onbehalf:postfix" /var/spool/postfix/onbehalf
		mode "750 onbehalf:onbehalf" /var/lib/onbehalf
		is /usr/sbin/nologin sh -c "getent passwd onbehalf | cut -d: -f7"
		test -L /etc/systemd/system/multi-user.target.wants/onbehalf.service
		test -L /etc/systemd/system/sockets.target.wants/onbehalf.socket
		is "ok: 0 tenants, 0 domains, 2 keys" onbehalf check-config
		is "ok: 0 tenants, 0 domains, 2 keys" runuser -u onbehalf -- onbehalf check-config --start
		test -z "$(ls -A /etc/onbehalf/keys | grep -v pem)"`)

	t.Log("scripts that run again change nothing")
	r.run(t, `before=$(treasure; ls -lR /etc/onbehalf)
		for i in 1 2; do /var/lib/dpkg/info/onbehalf.postinst configure ""; done
		[ "$(treasure; ls -lR /etc/onbehalf)" = "$before" ]`)

	t.Log("the daemon works without systemd, and a chrooted smtpd finds it")
	r.run(t, `set_up_postfix
		configure
		ONBEHALF_ADMIN= runuser -u onbehalf -- sh -c 'umask 007; exec onbehalf serve' &
		for _ in $(seq 50); do [ ! -S /var/spool/postfix/onbehalf/milter.sock ] || break; sleep 0.1; done
		is "" postfix check
		postfix start
		load first 3
		printf "From: $platform\nSubject: local\n\nHi\n" | sendmail -f $platform sink@sink.example
		arrived 4`)

	testUpgrade(t, r)
	testRemoval(t, r)
}

// testUpgrade goes to the next version and back: an edited configuration, keys and secret stay.
func testUpgrade(t *testing.T, r *root) {
	t.Helper()
	out := r.run(t, `before=$(treasure)
		install_deb ./next.deb
		grep -q "name: Edited" /etc/onbehalf/onbehalf.yaml
		grep -q "shipped by the next" /etc/onbehalf/onbehalf.yaml.dpkg-dist
		[ "$(treasure)" = "$before" ]
		is "install ok installed" dpkg-query -W -f "\${Status}" onbehalf
		install_deb ./old.deb
		grep -q "name: Edited" /etc/onbehalf/onbehalf.yaml
		[ "$(treasure)" = "$before" ]`)
	if strings.Contains(out, "Next, as root:") {
		t.Errorf("an upgrade repeats the first steps:\n%s", out)
	}
}

// testRemoval ends what the other tests began.
func testRemoval(t *testing.T, r *root) {
	t.Helper()
	says(t, r.run(t, `before=$(treasure)
		apt-get remove -y -qq onbehalf
		[ "$(treasure)" = "$before" ]
		grep -q "name: Edited" /etc/onbehalf/onbehalf.yaml
		test ! -e /var/spool/postfix/onbehalf
		test ! -e /usr/sbin/onbehalf`), "Postfix still calls it")

	t.Log("installed again, it goes on as it was")
	r.run(t, `before=$(treasure)
		install_deb ./old.deb
		grep -q "name: Edited" /etc/onbehalf/onbehalf.yaml
		[ "$(treasure)" = "$before" ]
		is "ok: 0 tenants, 0 domains, 2 keys" onbehalf check-config --start`)

	t.Log("purged, only keys are left, and it says so")
	says(t, r.run(t, `before=$(treasure keys)
		apt-get purge -y -qq onbehalf
		[ "$(treasure keys)" = "$before" ]
		mode "750 root:root" /etc/onbehalf/keys
		mode "640 root:root" /etc/onbehalf/keys/courseware-cw1.pem
		is "courseware-cw1.pem courseware-cw2.pem" sh -c "ls /etc/onbehalf/* | sed /:/d | xargs"
		is "/etc/onbehalf" leftovers`), "/etc/onbehalf/keys still holds 2 private keys")

	t.Log("installed once more, it takes the keys back, and may be set up")
	r.run(t, `before=$(treasure keys)
		install_deb ./old.deb
		[ "$(treasure keys)" = "$before" ]
		is "ok: 0 tenants, 0 domains, 2 keys" runuser -u onbehalf -- onbehalf check-config
		onbehalf setup --yes --name Example --domain platform.example --sending-ip 203.0.113.5
		is "ok: 0 tenants, 0 domains, 2 keys" runuser -u onbehalf -- onbehalf check-config
		grep -q "domain: platform.example" /etc/onbehalf/onbehalf.yaml
		rm -r /etc/onbehalf/keys
		apt-get purge -y -qq onbehalf
		is "" leftovers`)
}
