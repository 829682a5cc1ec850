#!/bin/sh
# Known vulnerabilities in what we build from, by govulncheck at the version in the argument:
# fails on one whose code is called. Without its database, or without the program itself,
# nothing was checked: that is said, and fails nothing.
set -eu

version=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if ! GOBIN=$folder go install "golang.org/x/vuln/cmd/govulncheck@$version" 2>"$folder/log"; then
	cat "$folder/log" >&2
	echo "vuln: NOT CHECKED: govulncheck $version could not be fetched and built" >&2
	exit 0
fi

status=0
"$folder/govulncheck" ./... >"$folder/log" 2>&1 || status=$?
cat "$folder/log"
case $status in
0) ;; # it has said what it found, and that none of it is called
3) echo "vuln: code with a known vulnerability is called; update what is named above" >&2; exit 1 ;;
*)
	if grep -q '^govulncheck: fetching vulnerabilities' "$folder/log"; then
		echo "vuln: NOT CHECKED: the vulnerability database cannot be reached from here" >&2
		exit 0
	fi
	echo "vuln: govulncheck failed" >&2
	exit 1
	;;
esac
