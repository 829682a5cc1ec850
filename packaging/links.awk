# Prints a document as it is installed: links to what the package does not have become their text.
# Run in the folder of the document; what the package has lies beside it as installed.

/^```/ { code = !code }
code { print; next }
{
	done = ""
	while (match($0, /\]\([^)]*\)/)) {
		target = substr($0, RSTART + 2, RLENGTH - 3)
		before = substr($0, 1, RSTART - 1)
		link = substr($0, RSTART, RLENGTH)
		rest = substr($0, RSTART + RLENGTH)
		if (!there(target)) {
			for (open = length(before); open > 0 && substr(before, open, 1) != "["; open--);
			before = substr(before, 1, open - 1) substr(before, open + 1)
			link = ""
		}
		done = done before link
		$0 = rest
	}
	print done $0
}

# there reports whether a link leads anywhere: out, within the document, or to a file that is there.
function there(target) {
	if (target ~ /^(https?|mailto):/ || target ~ /^#/) return 1
	sub(/#.*/, "", target)
	return system("test -e '" target "'") == 0
}
