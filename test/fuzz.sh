#!/bin/sh
# Fuzzing: gives each fuzz test of the tree so long (a minute without an argument), one on each
# processor at a time. What it finds lies in testdata/fuzz of the package; keep it there.
set -eu

time=${1:-60s}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cache=$(go env GOCACHE)/fuzz

# Each package is built once. go test would build, and look for what has changed, for each test.
for package in $(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n 1 dirname | sort -u); do
	go test -c -fuzz . -o "$folder/$package/fuzz" "./$package"
	for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' "$package"/*_test.go); do
		echo "$package $name"
	done
done >"$folder/tests"
[ -s "$folder/tests" ] || { echo "fuzz: no fuzz test was found" >&2; exit 1; }

# By default a test spends up to a minute on making one input smaller, which may be all the time
# that it has: where inputs are long, 10 executions instead of 100,000. Here it tries 100 times.
one='
	cd "$3" || exit 1
	log=$1/$3/$4.log
	mkdir -p "$2/onbehalf/$3"
	if "$1/$3/fuzz" -test.run "^\$" -test.fuzz "^$4\$" -test.fuzztime "$5" -test.fuzzminimizetime 100x \
		-test.fuzzcachedir "$2/onbehalf/$3" -test.parallel 1 -test.timeout 30m >"$log" 2>&1
	then
		echo "$3 $4: $(sed -n "s/^fuzz: elapsed: [^,]*, \(execs: [0-9]*\).*/\1/p" "$log" | tail -n 1)"
	else
		echo "$3 $4: FAILED"
		cat "$log"
		exit 1
	fi
'
xargs -P "$(nproc)" -L 1 sh -c 'one=$1 folder=$2 cache=$3 time=$4
	shift 4
	exec sh -c "$one" sh "$folder" "$cache" "$1" "$2" "$time"' sh "$one" "$folder" "$cache" "$time" <"$folder/tests"
