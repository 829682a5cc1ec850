#!/bin/sh
# Installs the programs that the tests run onbehalf beside: a real Postfix, a
# real DNS server, verifiers of DKIM, SPF and DMARC that others wrote. Does nothing when all
# are there. Needs Debian (or a derivative), and root when something is missing.
set -eu

packages="postfix nsd opendkim python3-dkim python3-dnspython python3-nacl python3-spf iproute2 openssl
libmail-dkim-perl libnet-dns-perl libsasl2-modules postsrsd lintian mmdebstrap shellcheck systemd-container libopendmarc2
publicsuffix prometheus"

# Those of the packages that start a daemon when installed. The tests start
# their own, on ports of their own.
services="postfix nsd opendkim postsrsd prometheus"

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install() {
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 "$@"
}

if ! command -v dpkg-query >/dev/null; then
	echo "peers: not a Debian system; install what these packages hold by hand:" $packages >&2
	exit 1
fi

missing=
for package in $packages; do
	installed "$package" || missing="$missing $package"
done

if [ -z "$missing" ]; then
	echo "peers: all there"
	exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
	echo "peers: the tests need these; run as root:" >&2
	echo "  apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

echo "peers: installing$missing"
install $missing || {
	echo "peers: once more, with fresh package lists"
	apt-get update
	install $missing
}

for service in $services; do
	case "$missing " in
	*" $service "*)
		echo "peers: stopping the $service that its package started"
		service "$service" stop || true
		;;
	esac
done
