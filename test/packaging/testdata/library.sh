# shellcheck shell=bash
# What the tests' scripts in a root share. They run under bash -eu.

platform=noreply@courseware.nl
mailbox=/var/mail/sink
# shellcheck disable=SC2034 # the scripts use it
tables=socketmap:unix:/var/spool/postfix/onbehalf/socketmap.sock

fail() { echo "FAILED: $*"; exit 1; }

# is WANT COMMAND...: the command must say exactly that, whatever its status.
is() {
	want=$1
	shift
	got=$("$@" 2>&1) || true
	[ "$got" = "$want" ] || fail "$*: $got; it should be: $want"
}

# fails COMMAND...: it must not succeed. (set -e does not look at "! command".)
fails() {
	if said=$("$@" 2>&1); then fail "$* should fail, and says: $said"; fi
}

# becomes WANT COMMAND...: within half a minute it must say that.
becomes() {
	for _ in $(seq 300); do
		[ "$("${@:2}" 2>&1)" != "$1" ] || return 0
		sleep 0.1
	done
	is "$@"
}

# mode WANT FILE, as in: mode "750 root:onbehalf" /etc/onbehalf/keys
mode() { is "$1" stat -c "%a %U:%G" "$2"; }

# install_deb FILE: nothing may be asked, for nobody answers.
install_deb() { apt-get install -y -qq --allow-downgrades "$1" </dev/null; }

# The administrator's part of Postfix: the example, and a mailbox to deliver to.
set_up_postfix() {
	cat /usr/share/doc/onbehalf/postfix.example.cf >>/etc/postfix/main.cf
	postconf -e myhostname=mail.courseware.nl mydestination=sink.example inet_protocols=ipv4 \
		maillog_file=/var/log/mail.log
	useradd -m sink
	postfix check >/dev/null 2>&1 || true # Debian 13 fills the chroot by it, and says so
}

# The administrator's part of the configuration.
configure() {
	onbehalf setup --yes --name Courseware --domain courseware.nl --sending-ip 80.84.235.70 --selector cw1,cw2 --spf-include none \
		>setup.log 2>&1 || fail "$(cat setup.log)"
	sed -i 's/mode: shadow/mode: enforce/; s/name: Courseware/name: Edited/' /etc/onbehalf/onbehalf.yaml
	is "ok: 0 tenants, 0 domains, 2 keys" onbehalf check-config
	mode "644 root:onbehalf" /etc/onbehalf/onbehalf.yaml
}

# Each message is sent until Postfix takes it: a 4xx answer is no loss.
send() { # SUBJECT
	tries=0
	until smtp-source -S "$1" -f $platform -t sink@sink.example -m 1 127.0.0.1:25 2>>/root/deferred; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.1
	done
}

load() { # NAME COUNT
	for i in $(seq "$2"); do send "$1-$i"; done
}

# arrived COUNT: so many different messages must arrive, each once, each signed.
arrived() {
	for _ in $(seq 600); do
		there=$(grep -c '^From ' $mailbox 2>/dev/null) || true # nothing where there is no file yet
		[ "${there:-0}" -lt "$1" ] || break
		sleep 0.1
	done
	is "$1" grep -c '^From ' $mailbox
	[ "$(grep '^Subject: ' $mailbox | sort -u | wc -l)" = "$1" ] || fail "not each message came once"
	is "$1" grep -c 'd=courseware.nl; .*s=cw1;\|s=cw1; .*d=courseware.nl;' <(tr -d '\n' <$mailbox | sed 's/DKIM-Signature:/\n&/g')
	: >$mailbox
}

# What an upgrade, a removal and a purge may never change.
treasure() { (cd /etc/onbehalf && find keys -type f -exec sha256sum {} + | sort && if [ "${1-}" != keys ]; then sha256sum srs.secrets; fi); }

# leftovers: all that has our name, but for what apt, dpkg and systemd note of every package.
leftovers() {
	find / -xdev \( -path /proc -o -path /root -o -path /sys -o -path /tmp -o -path /var/cache -o -path /var/log -o -path '/var/lib/systemd/*' \) \
		-prune -o -name '*onbehalf*' -print
	getent passwd onbehalf || true
	getent group onbehalf || true
}
