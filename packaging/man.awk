# docs/configuration.md as a man page. A man page has no room for wide tables, so a row becomes
# a paragraph, "key (the middle cells)" above its last cell; links become their text, for the
# documents they lead to are in /usr/share/doc/onbehalf/docs.

BEGIN {
	print "# NAME\n\nonbehalf.yaml - configuration of onbehalf\n\n# DESCRIPTION\n"
}

/^```/ { code = !code }
code || /^```/ { print; next }

/^# / { next }                                # the title: it is the page's name
/^Contents:/ { contents = 1 }                 # the man page needs none
contents { if ($0 == "") contents = 0; next }

/^## / { print "# " toupper(substr($0, 4)); next }

/^\| *---/ { next }
/^\|/ {
	gsub(/\\\|/, "\001")
	n = split($0, cell, /[ ]*\|[ ]*/)     # cell[1] and cell[n] are empty
	if (!table++) {                       # the names of the columns
		before = cell[n - 1] == "not" ? "not " : ""
		next
	}
	title = cell[2]
	middle = ""
	for (i = 3; i < n - 1; i++) middle = middle (middle == "" ? "" : "; ") cell[i]
	row = title (middle == "" ? "" : " (" middle ")") "\n:   " before cell[n - 1] "\n"
	gsub("\001", "|", row)
	print links(row)
	next
}
{ table = 0; print links($0) }

function links(s) {
	while (match(s, /\]\([^)]*\)/)) {
		start = RSTART; len = RLENGTH
		head = substr(s, 1, start - 1)
		open = last(head, "[")
		s = substr(head, 1, open - 1) substr(head, open + 1) substr(s, start + len)
	}
	return s
}

function last(s, c,    i) {
	for (i = length(s); i > 0 && substr(s, i, 1) != c; i--);
	return i
}

END { print "\n# SEE ALSO\n\n**onbehalf**(8), **onbehalf-check-config**(8), */usr/share/doc/onbehalf*" }
