#!/bin/sh
# Fuzzing: gives each fuzz test of the tree so long (a minute without an argument), one on each
# processor at a time. What it finds lies in testdata/fuzz of the package; keep it there.
set -eu

time=${1:-60s}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cache=$(go env GOCACHE)/fuzz/onbehalf

# Each package is built once. go test would build, and look for what has changed, for each test.
for package in $(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n 1 dirname | sort -u); do
	go test -c -fuzz . -o "$folder/$package/fuzz" "./$package"
	sed -n "s|^func \(Fuzz[A-Za-z0-9]*\).*|$package \1|p" "$package"/*_test.go
done >"$folder/tests"
[ -s "$folder/tests" ] || { echo "fuzz: no fuzz test was found" >&2; exit 1; }

# By default a test spends up to a minute on making one input smaller, which may be all the time
# that it has: where inputs are long, 10 executions instead of 100,000. Here it tries 100 times.
#
# A fuzz test whose time ends in the middle of a step may fail with "context deadline exceeded" and
# nothing else (a race in go before 1.27, golang/go issue 75804). It has found nothing: what it finds, it writes down.
# shellcheck disable=SC2016 # the shells of xargs expand this
one='
	cd "$1" || exit 1
	log=$folder/$1/$2.log
	mkdir -p "$cache/$1"
	if "$folder/$1/fuzz" -test.run "^\$" -test.fuzz "^$2\$" -test.fuzztime "$time" -test.fuzzminimizetime 100x \
		-test.fuzzcachedir "$cache/$1" -test.parallel 1 -test.timeout 30m >"$log" 2>&1
	then
		status=0
	elif grep -q "^    context deadline exceeded\$" "$log" && ! grep -q "Failing input written\|^panic:\|testdata/fuzz" "$log"; then
		status=0
	else
		status=1
	fi
	if [ "$status" = 0 ]; then
		echo "$1 $2: $(sed -n "s/^fuzz: elapsed: [^,]*, \(execs: [0-9]*\).*/\1/p" "$log" | tail -n 1)"
	else
		echo "$1 $2: FAILED"
		cat "$log"
		exit 1
	fi
'
export folder cache time
xargs -P "$(nproc)" -L 1 sh -c "$one" sh <"$folder/tests"
