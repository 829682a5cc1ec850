# shellcheck shell=bash
# What is around a mail host, for newcomer_test.go: addresses of loopback stand for other machines
# (RFC 5737). They run under bash -eu, behind library.sh.

# shellcheck disable=SC2034 # the scripts use some of these
host=198.51.100.10 app=192.0.2.50 receiver=192.0.2.30

# surroundings starts all but the mail host's own part: the application's server, whose connections to
# the mail host come from its own address; DNS, with one zone for all; a receiver that keeps each
# message as a file; and a Postfix that has never heard of onbehalf.
surroundings() {
	for address in $host $app $receiver; do ip addr add "$address/32" dev lo; done
	ip route replace local $host dev lo table local src $app
	ip route replace local $receiver dev lo table local src $host
	mkdir -p zones mail
	cat >zones/world <<-END
		. 1 IN SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 1
		. 1 IN NS ns.invalid.
		mail.courseware.nl. 1 IN A $host
		10.100.51.198.in-addr.arpa. 1 IN PTR mail.courseware.nl.
		courseware.nl. 1 IN MX 10 mail.courseware.nl.
		reader.example. 1 IN MX 10 mx.reader.example.
		mx.reader.example. 1 IN A $receiver
		university.example. 1 IN MX 10 mx.reader.example.
	END
	: >zones/platform
	unpublish_university
	cat >zones/nsd.conf <<-END
		server:
		  ip-address: 127.0.0.1
		  server-count: 1
		  rrl-ratelimit: 0
		  username: ""
		  pidfile: "/root/zones/pid"
		  database: ""
		  zonesdir: "/root/zones"
		  zonelistfile: "/root/zones/list"
		  xfrdfile: "/root/zones/xfrd"
		  xfrdir: "/root/zones"
		remote-control:
		  control-enable: no
		zone:
		  name: "."
		  zonefile: "all"
	END
	nsd -c /root/zones/nsd.conf >/dev/null 2>&1
	echo "nameserver 127.0.0.1" >/etc/resolv.conf
	postconf -e myhostname=mail.courseware.nl mydestination= inet_interfaces="127.0.0.1 $host" inet_protocols=ipv4 \
		mynetworks="127.0.0.0/8 $app"
	systemctl restart postfix
	useradd sink
	chown sink mail
	(cd mail && exec smtp-sink -u sink -d "%H%M%S-" $receiver:25 100) >/dev/null 2>&1 &
}

# publish has DNS serve what is in zones.
publish() {
	cat zones/world zones/platform zones/university >zones/all
	[ ! -e zones/pid ] || kill -HUP "$(cat zones/pid)"
	sleep 1 # as long as a record is good for, for who has just asked
}

publish_university() {
	cat zones/university.records >zones/university
	publish
}

# unpublish_university: what it had before it heard of the platform.
unpublish_university() {
	cat >zones/university <<-END
		university.example. 1 IN TXT "v=spf1 mx -all"
		_dmarc.university.example. 1 IN TXT "v=DMARC1; p=reject"
	END
	publish
}

# from_app sends a message as the application does.
from_app() {
	rm -f mail/*
	smtp-source -S course -f someone@university.example -t student@reader.example -m 1 $host:25
}

# arrives PATTERN: the message comes, with such a field, and is printed behind a line MESSAGE.
arrives() {
	for _ in $(seq 600); do
		if [ -n "$(ls mail)" ] && mailq | grep -q "is empty"; then break; fi
		sleep 0.1
	done
	cat mail/* >message || fail "no message came: $(mailq; journalctl -n 20)"
	grep -q "^$1" message || { cat message; return 1; }
	echo MESSAGE
	cat message
}

# status_of COMMAND... prints its exit status.
status_of() { "$@" >/dev/null 2>&1 && echo 0 || echo $?; }
