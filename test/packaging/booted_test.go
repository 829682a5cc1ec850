package packaging

import "testing"

// testBooted is the life of the package on a host that runs: systemd, Postfix, mail in flight.
func testBooted(t *testing.T, r *root) {
	says(t, r.run(t, `install_deb ./old.deb`), "Next, as root:", "onbehalf setup", "onbehalf dns", "postfix.example.cf")
	r.run(t, `
		is "active active active" xargs -n3 <<<$(systemctl is-active onbehalf.service onbehalf.socket onbehalf-socketmap.socket)
		is "enabled enabled enabled" xargs -n3 <<<$(systemctl is-enabled onbehalf.service onbehalf.socket onbehalf-socketmap.socket)
		mode "2750 onbehalf:postfix" /var/spool/postfix/onbehalf
		mode "660 onbehalf:postfix" /var/spool/postfix/onbehalf/milter.sock
		mode "660 onbehalf:postfix" /var/spool/postfix/onbehalf/socketmap.sock
		mode "750 onbehalf:onbehalf" /var/lib/onbehalf
		mode "2750 onbehalf:onbehalf-status" /run/onbehalf
		is onbehalf stat -c %U /proc/$(systemctl show -P MainPID onbehalf)
		is "" postfix check
		is "" systemd-analyze verify --man=no onbehalf.service onbehalf.socket onbehalf-socketmap.socket
		systemd-analyze security --threshold=15 --no-pager onbehalf.service >security || fail "$(cat security)"
		for postfix in postfix.service postfix@-.service; do
			for unit in onbehalf.service onbehalf.socket onbehalf-socketmap.socket; do
				systemctl show -P Before $unit | grep -qw -e $postfix || fail "$unit is not ordered before $postfix"
			done
		done
		onbehalf status >/dev/null
		fails runuser -u nobody -- ls /var/spool/postfix/onbehalf
		fails runuser -u nobody -- cat /etc/onbehalf/srs.secrets
		fails runuser -u postfix -- ls /etc/onbehalf/keys`)

	t.Log("who is in the group onbehalf-status may ask the daemon, and reads no key")
	r.run(t, `useradd -G onbehalf-status support
		useradd visitor
		cd /
		runuser -u support -- onbehalf status >status || fail "$(cat status)"
		grep -q "0 tenants" status || fail "$(cat status)"
		fails runuser -u visitor -- onbehalf status
		for user in support visitor; do
			fails runuser -u $user -- ls /etc/onbehalf/keys
			fails runuser -u $user -- cat /etc/onbehalf/srs.secrets
			fails runuser -u $user -- ls /var/spool/postfix/onbehalf
			fails runuser -u $user -- ls /var/lib/onbehalf
		done`)

	t.Log("until it is configured it changes nothing, though Postfix calls it")
	r.run(t, `set_up_postfix
		postfix reload
		load unconfigured 1
		for _ in $(seq 50); do [ ! -s $mailbox ] || break; sleep 0.1; done
		fails grep DKIM-Signature $mailbox
		journalctl -u onbehalf | grep -q mode=shadow
		: >$mailbox`)

	t.Log("configured, it signs; doctor finds nothing wrong, DNS aside, which nobody answers here; a bad configuration is refused by reload")
	r.run(t, `configure
		systemctl reload onbehalf
		load configured 3
		printf "From: $platform\nSubject: local\n\nHi\n" | sendmail -f $platform sink@sink.example
		arrived 4
		onbehalf doctor >doctor || true
		sed "/^DNS of/,\$d" doctor >installation
		fails grep ERROR installation
		grep -q "that verifies" installation || fail "$(cat doctor)"
		cp /etc/onbehalf/onbehalf.yaml good
		echo "oops: 1" >>/etc/onbehalf/onbehalf.yaml
		fails systemctl reload onbehalf
		is active systemctl is-active onbehalf
		journalctl -u onbehalf | grep -q "onbehalf.yaml: oops: there is no such key" || fail "$(journalctl -u onbehalf | tail)"
		load kept 1
		arrived 1`)

	t.Log("the sandbox of the unit lets a program hear of events, and gives it no rights by set-group-ID")
	r.run(t, `cp good quiet
		printf '#!/bin/sh\ncat >/var/lib/onbehalf/event\n! touch /var/lib/elsewhere\n' >/usr/local/bin/onbehalf-event
		chmod 755 /usr/local/bin/onbehalf-event
		tried() {
			cp quiet /etc/onbehalf/onbehalf.yaml
			echo "events: {command: [$1]}" >>/etc/onbehalf/onbehalf.yaml
			systemctl restart onbehalf
			onbehalf events --test >tried
		}
		tried /usr/local/bin/onbehalf-event || fail "$(cat tried; journalctl -u onbehalf | tail)"
		grep -q '"type":"test"' /var/lib/onbehalf/event || fail "$(cat /var/lib/onbehalf/event)"
		journalctl -u onbehalf | grep -q "events.command runs in the daemon's sandbox.*set-group-ID" || fail "$(journalctl -u onbehalf | tail)"
		fails tried "/usr/sbin/sendmail, root"
		grep -q "DID NOT TAKE IT" tried || fail "$(cat tried)"
		cat tried
		rm /usr/local/bin/onbehalf-event /var/lib/onbehalf/event
		cp quiet /etc/onbehalf/onbehalf.yaml
		systemctl restart onbehalf`)

	t.Log("Postfix's tables are answered from the same configuration, also after an upgrade from a version that had no socketmap")
	r.run(t, `cp good /etc/onbehalf/onbehalf.yaml
		bounce=$(onbehalf bounce encode a@b.example)
		is known postmap -q "$bounce" $tables:recipients
		is "" postmap -q "srs0=forged00=aa=b.example=a@${bounce#*@}" $tables:recipients
		is "" postmap -q "*" $tables:transport
		systemctl stop onbehalf-socketmap.socket
		install_deb ./next.deb
		is "active active" xargs -n2 <<<$(systemctl is-active onbehalf.service onbehalf-socketmap.socket)
		is known postmap -q "$bounce" $tables:recipients
		onbehalf status >status
		grep -q "socketmap at unix:/var/spool/postfix/onbehalf/socketmap.sock" status || fail "$(cat status)"
		systemctl restart onbehalf
		is known postmap -q "$bounce" $tables:recipients
		install_deb ./old.deb
		echo "oops: 1" >>/etc/onbehalf/onbehalf.yaml`)

	t.Log("an upgrade with a configuration that could not start leaves the old daemon running")
	says(t, r.run(t, `before=$(systemctl show -P MainPID onbehalf)
		install_deb ./next.deb
		is "$before" systemctl show -P MainPID onbehalf
		load kept 1
		arrived 1
		cp good /etc/onbehalf/onbehalf.yaml
		install_deb ./old.deb`), "was not (re)started")

	t.Log("no message is lost over upgrades, restarts and crashes")
	r.run(t, `load a 60 & a=$!
		load b 60 & b=$!
		load c 60 & c=$!
		install_deb ./next.deb >upgrade 2>&1 || { cat upgrade; exit 1; }
		systemctl restart onbehalf
		sleep 0.2
		kill -KILL $(systemctl show -P MainPID onbehalf)
		wait $a; wait $b; wait $c
		arrived 180
		becomes active systemctl is-active onbehalf
		install_deb ./old.deb`)

	t.Log("a restart with a bad configuration fails, and mail is deferred at once; when it is fixed, a reload is enough")
	r.run(t, `echo "oops: 1" >>/etc/onbehalf/onbehalf.yaml
		fails systemctl restart onbehalf
		becomes active systemctl is-active onbehalf
		case $(systemctl show -P StatusText onbehalf) in "NOT READY"*oops*) ;; *) fail "$(systemctl status onbehalf)" ;; esac
		onbehalf status >status && fail "$(cat status)"
		grep -q "NOT READY" status && grep -q "oops: there is no such key" status || fail "$(cat status)"
		began=$(date +%s%3N)
		fails smtp-source -S refused -f $platform -t sink@sink.example -m 1 127.0.0.1:25
		took=$(($(date +%s%3N) - began))
		[ $took -lt 3000 ] || fail "451 took $took ms"
		fails systemctl reload onbehalf
		is active systemctl is-active onbehalf
		fails systemctl restart onbehalf
		becomes active systemctl is-active onbehalf
		load waiting 1 & waiting=$!
		sleep 1
		cp good /etc/onbehalf/onbehalf.yaml
		systemctl reload onbehalf
		wait $waiting
		arrived 1
		onbehalf status >status || fail "$(cat status)"`)

	t.Log("a configuration that is fixed is used by itself, too; a service that does not run is said not to")
	r.run(t, `echo "oops: 1" >>/etc/onbehalf/onbehalf.yaml
		fails systemctl restart onbehalf
		cp good /etc/onbehalf/onbehalf.yaml
		load waiting 1
		arrived 1
		systemctl stop onbehalf.service 2>/dev/null
		began=$(date +%s)
		fails onbehalf status
		onbehalf status 2>&1 | grep -q "onbehalf is NOT running" || fail "$(onbehalf status 2>&1)"
		onbehalf status 2>&1 | grep -q "onbehalf.service is inactive" || fail "$(onbehalf status 2>&1)"
		[ $(($(date +%s) - began)) -lt 20 ]
		systemctl start onbehalf`)

	t.Log("nothing but systemctl stop ends it")
	r.run(t, `before=$(systemctl show -P MainPID onbehalf)
		kill -TERM $before
		sleep 1
		becomes active systemctl is-active onbehalf
		[ "$(systemctl show -P MainPID onbehalf)" != "$before" ]
		load again 1
		arrived 1`)

	t.Log("the journal has each line's priority, the facility mail, and the queue id in front")
	r.run(t, `journalctl -u onbehalf -o cat | grep -q "^[0-9A-F]*: msg=message " || fail "$(journalctl -u onbehalf -o cat | tail)"
		is "" sh -c "journalctl -o cat _COMM=onbehalf | grep -e '^<' -e 'time='"
		journalctl -q -u onbehalf -o cat -p warning >warnings
		grep -q "oops: there is no such key" warnings || fail "$(cat warnings)"
		fails grep -e result=done -e msg=serving -e msg=reloaded warnings
		is 2 sh -c "journalctl -u onbehalf -o export _COMM=onbehalf | sed -n 's/^SYSLOG_FACILITY=//p' | sort -u"`)

	t.Log("root sees what the daemon may not read; a key that it may not read has a reload refused, and status shows it")
	r.run(t, `chgrp root /etc/onbehalf/keys/courseware.nl-cw1.pem
		fails onbehalf check-config
		onbehalf check-config | grep -q "permission denied for user onbehalf; run: chgrp onbehalf /etc/onbehalf/keys/courseware.nl-cw1.pem" || fail "$(onbehalf check-config)"
		fails systemctl reload onbehalf
		onbehalf status | tr -s " \n" " " >status
		grep -q "Last reload REFUSED" status || fail "$(cat status)"
		grep -q "permission denied for user onbehalf" status || fail "$(cat status)"
		load kept 1
		arrived 1
		chgrp onbehalf /etc/onbehalf/keys/courseware.nl-cw1.pem
		onbehalf check-config >/dev/null
		systemctl reload onbehalf`)

	t.Log("sockets that are disabled stay away, and the daemon opens its own")
	r.run(t, `systemctl disable --now onbehalf.socket 2>/dev/null
		systemctl restart onbehalf
		is "inactive inactive" xargs -n2 <<<$(systemctl is-active onbehalf.socket onbehalf-socketmap.socket)
		is "disabled disabled" xargs -n2 <<<$(systemctl is-enabled onbehalf.socket onbehalf-socketmap.socket)
		systemctl stop onbehalf
		systemctl restart multi-user.target
		becomes active systemctl is-active onbehalf
		is "inactive inactive" xargs -n2 <<<$(systemctl is-active onbehalf.socket onbehalf-socketmap.socket)
		mode "660 onbehalf:postfix" /var/spool/postfix/onbehalf/milter.sock
		load own 1
		arrived 1
		systemctl enable onbehalf.socket 2>/dev/null
		systemctl restart onbehalf
		is "active active" xargs -n2 <<<$(systemctl is-active onbehalf.socket onbehalf-socketmap.socket)
		load held 1
		arrived 1`)

	t.Log("without a DNS server it starts, and asks when there is one")
	r.run(t, `rm -f /etc/resolv.conf
		echo "tenants: [{id: watched, domains: [watched.example]}]" >/etc/onbehalf/tenants.d/watched.yaml
		systemctl restart onbehalf
		load silent 1
		arrived 1
		journalctl -u onbehalf -o cat -p err | grep -q "there is no DNS server to ask" || fail "$(journalctl -u onbehalf -o cat | tail)"
		echo "nameserver 127.0.0.1" >/etc/resolv.conf
		sleep 3
		journalctl -u onbehalf -o cat | tail -n 20 | grep -q "DNS servers of the system"
		rm /etc/onbehalf/tenants.d/watched.yaml
		systemctl reload onbehalf`)

	t.Log("the sandbox of the unit lets OpenSSL sign; where there is none, Go does")
	r.run(t, `onbehalf status >status; grep -q "RSA by OpenSSL 3" status || fail "$(cat status)"
		library=$(ldconfig -p | awk '/libcrypto.so.3/ {print $NF; exit}')
		mkdir -p /run/systemd/system/onbehalf.service.d
		printf '[Service]\nInaccessiblePaths=%s\n' $library >/run/systemd/system/onbehalf.service.d/hidden.conf
		systemctl daemon-reload
		systemctl restart onbehalf
		onbehalf status >status; grep -q "RSA by Go" status || fail "$(cat status)"
		load go 1
		arrived 1
		rm -r /run/systemd/system/onbehalf.service.d
		systemctl daemon-reload
		systemctl restart onbehalf
		onbehalf status >status; grep -q "RSA by OpenSSL 3" status || fail "$(cat status)"
		load openssl 1
		arrived 1`)

	t.Log("an administrator's stop and disable outlive an upgrade")
	r.run(t, `systemctl disable --now onbehalf.socket onbehalf.service 2>/dev/null
		install_deb ./next.deb
		is "inactive inactive inactive" xargs -n3 <<<$(systemctl is-active onbehalf.service onbehalf.socket onbehalf-socketmap.socket)
		fails systemctl reload onbehalf
		install_deb ./old.deb
		systemctl enable --now onbehalf.socket onbehalf.service 2>/dev/null`)

	testUpgrade(t, r)
	testRemoval(t, r)
	testConffile(t, r)
	r.run(t, `is "" systemctl list-units --plain --no-legend "onbehalf*"`)
}
