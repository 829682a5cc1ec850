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
		is "" ls -A /etc/onbehalf/keys
		mode "640 root:onbehalf" /etc/onbehalf/srs.secrets
		mode "644 root:root" /etc/onbehalf/onbehalf.yaml
		mode "2750 onbehalf:postfix" /var/spool/postfix/onbehalf
		mode "750 onbehalf:onbehalf" /var/lib/onbehalf
		is /usr/sbin/nologin sh -c "getent passwd onbehalf | cut -d: -f7"
		test -L /etc/systemd/system/multi-user.target.wants/onbehalf.service
		test -L /etc/systemd/system/sockets.target.wants/onbehalf.socket
		is "onbehalf.yaml srs.secrets" sh -c "find /etc/onbehalf -type f -printf '%f\n' | sort | xargs"
		is "" dpkg-query -W -f "\${Conffiles}" onbehalf
		is "ok: 0 tenants, 0 domains, 0 keys" sh -c "onbehalf check-config 2>/dev/null"
		is "ok: 0 tenants, 0 domains, 0 keys" runuser -u onbehalf -- sh -c "onbehalf check-config --start 2>/dev/null"
		is /usr/bin/onbehalf env PATH=/usr/local/bin:/usr/bin:/bin sh -c "command -v onbehalf"`)

	t.Log("where there is no systemd, none comes with it")
	r.run(t, `apt-get install -s --no-install-recommends -o Dir::State::status=/dev/null ./old.deb >plan
		grep -q "^Inst systemd-standalone-sysusers" plan && grep -q "^Inst systemd-standalone-tmpfiles" plan || fail "$(cat plan)"
		fails grep "^Inst systemd " plan`)

	t.Log("scripts that run again change nothing")
	r.run(t, `before=$(treasure; ls -lR /etc/onbehalf)
		for i in 1 2; do /var/lib/dpkg/info/onbehalf.postinst configure ""; done
		[ "$(treasure; ls -lR /etc/onbehalf)" = "$before" ]`)

	t.Log("root does not serve where there is no user to serve as")
	r.run(t, `sed -i.with /^onbehalf:/d /etc/passwd
		fails onbehalf serve
		mv /etc/passwd.with /etc/passwd
		grep -q "does not run as root.*systemd-sysusers onbehalf.conf" <(echo "$said") || fail "$said"`)

	t.Log("the daemon works without systemd, and a chrooted smtpd finds it")
	r.run(t, `set_up_postfix
		configure
		rm -r /run/onbehalf /var/lib/onbehalf /var/spool/postfix/onbehalf # as after a boot, with new volumes
		onbehalf serve 2>log &
		for _ in $(seq 50); do [ ! -S /var/spool/postfix/onbehalf/milter.sock ] || break; sleep 0.1; done
		is "onbehalf onbehalf 0027" sh -c "stat -c '%U %G' /proc/$! | tr '\n' ' '; sed -n 's/^Umask:.//p' /proc/$!/status"
		mode "2750 onbehalf:postfix" /var/spool/postfix/onbehalf
		mode "2750 onbehalf:onbehalf-status" /run/onbehalf
		mode "750 onbehalf:onbehalf" /var/lib/onbehalf
		grep -q "goes on as its user.* user=onbehalf" log || fail "$(cat log)"
		is "" postfix check
		postfix start
		load first 3
		printf "From: $platform\nSubject: local\n\nHi\n" | sendmail -f $platform sink@sink.example
		arrived 4`)

	testUpgrade(t, r)
	testRemoval(t, r)
	testConffile(t, r)
}

// testUpgrade goes to the next version and back: an edited configuration, keys and secret stay.
func testUpgrade(t *testing.T, r *root) {
	t.Helper()
	out := r.run(t, `before=$(treasure)
		install_deb ./next.deb
		grep -q "name: Edited" /etc/onbehalf/onbehalf.yaml
		[ "$(treasure)" = "$before" ]
		is "" find /etc/onbehalf -name "*dpkg*"
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
		postconf -e "smtpd_milters = { inet:127.0.0.1:1, connect_timeout=1s }, unix:onbehalf/milter.sock, inet:127.0.0.1:2" \
			"transport_maps = socketmap:unix:onbehalf/socketmap.sock:transport"
		postconf -P "smtp/inet/smtpd_milters=unix:onbehalf/milter.sock"
		apt-get remove -y -qq onbehalf 2>&1 | tr -d "\r" | tee removal
		[ "$(treasure)" = "$before" ]
		grep -q "name: Edited" /etc/onbehalf/onbehalf.yaml
		test ! -e /var/spool/postfix/onbehalf
		test ! -e /usr/sbin/onbehalf`), "Postfix still calls it", "smtp/inet/smtpd_milters")

	t.Log("the commands that it has printed take it out of Postfix")
	r.run(t, `grep "^  postconf " removal >commands
		echo "  postfix reload" | diff - <(sed -n "/postconf -P/,\$p" removal | sed -n 2p)
		. ./commands
		is "smtp/inet/smtpd_milters =" postconf -P smtp/inet/smtpd_milters
		is "" sh -c "postconf -n | grep onbehalf/"
		is "{ inet:127.0.0.1:1, connect_timeout=1s }, inet:127.0.0.1:2" postconf -h smtpd_milters
		is "" postconf -h transport_maps
		postconf -e smtpd_milters=unix:onbehalf/milter.sock; postconf -PX smtp/inet/smtpd_milters`)

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
		mode "640 root:root" /etc/onbehalf/keys/courseware.nl-cw1.pem
		is "courseware.nl-cw1.pem courseware.nl-cw2.pem" sh -c "ls /etc/onbehalf/* | sed /:/d | xargs"
		is "/etc/onbehalf" leftovers`), "/etc/onbehalf/keys still holds 2 private keys")

	t.Log("installed once more, it takes the keys back, and may be set up")
	r.run(t, `before=$(treasure keys)
		install_deb ./old.deb
		[ "$(treasure keys)" = "$before" ]
		mode "640 root:onbehalf" /etc/onbehalf/keys/courseware.nl-cw1.pem
		is "ok: 0 tenants, 0 domains, 0 keys" runuser -u onbehalf -- sh -c "onbehalf check-config 2>/dev/null"
		onbehalf setup --yes --name Example --domain platform.example --sending-ip 203.0.113.5
		is "ok: 0 tenants, 0 domains, 2 keys" runuser -u onbehalf -- onbehalf check-config
		grep -q "domain: platform.example" /etc/onbehalf/onbehalf.yaml
		rm -r /etc/onbehalf/keys
		apt-get purge -y -qq onbehalf
		is "" leftovers`)
}

// testConffile comes from the version in which onbehalf.yaml was a conffile, in a root without the
// package. Nothing is asked on the way, and nobody answers.
func testConffile(t *testing.T, r *root) {
	t.Helper()
	t.Log("from a version with a conffile: an edited one stays as it is, with its keys")
	r.run(t, `install_deb ./conffile.deb
		sed -i "s/name: Courseware/name: Edited/" /etc/onbehalf/onbehalf.yaml
		before=$(treasure; cat /etc/onbehalf/onbehalf.yaml)
		install_deb ./old.deb
		[ "$(treasure; cat /etc/onbehalf/onbehalf.yaml)" = "$before" ]
		is "ok: 0 tenants, 0 domains, 2 keys" onbehalf check-config
		mode "2750 onbehalf:onbehalf-status" /run/onbehalf
		if [ -d /run/systemd/system ]; then
			becomes active systemctl is-active onbehalf
			onbehalf status >status
			grep -q "is running" status || fail "$(cat status)"
		fi
		install_deb ./next.deb
		[ "$(treasure; cat /etc/onbehalf/onbehalf.yaml)" = "$before" ]
		is "" find /etc/onbehalf -name "*dpkg*"
		test -e /usr/lib/systemd/system/onbehalf.service
		rm -r /etc/onbehalf/keys
		apt-get purge -y -qq onbehalf
		is "" leftovers`)

	t.Log("from a version with a conffile: one that nobody has edited is the new example, for setup to replace")
	r.run(t, `install_deb ./conffile.deb
		install_deb ./old.deb
		cmp /etc/onbehalf/onbehalf.yaml /usr/share/onbehalf/onbehalf.yaml
		is "" dpkg-query -W -f "\${Conffiles}" onbehalf
		install_deb ./next.deb
		grep -q "shipped by the next" /etc/onbehalf/onbehalf.yaml
		mode "644 root:root" /etc/onbehalf/onbehalf.yaml
		onbehalf setup --yes --name Example --domain platform.example --sending-ip 203.0.113.5
		grep -q "domain: platform.example" /etc/onbehalf/onbehalf.yaml
		install_deb ./old.deb
		grep -q "domain: platform.example" /etc/onbehalf/onbehalf.yaml
		rm -r /etc/onbehalf/keys
		apt-get purge -y -qq onbehalf
		is "" leftovers`)
}
