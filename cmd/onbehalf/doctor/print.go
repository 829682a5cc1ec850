package doctor

import (
	"fmt"
	"io"

	"onbehalf/term"
)

// words stand before the findings; what has to be fixed catches the eye.
var words = map[Level]string{OK: "ok", Warning: "warning", Error: "ERROR"}

// indent is where text begins behind the word.
const indent = 10

// Print writes the findings for people, the counts last.
func Print(w io.Writer, findings []Finding) {
	out, part := term.New(w), ""
	for _, f := range findings {
		if f.Part != part {
			part = f.Part
			out.Heading("%s", part)
		}
		out.Item("  "+words[f.Level], indent, "%s", f.What)
		out.Item("", indent, "%s", f.Why)
		if f.Fix != "" || len(f.Commands) > 0 {
			out.Item(fmt.Sprintf("%*sdo: ", indent, ""), indent+4, "%s", f.Fix)
		}
		for _, line := range f.Commands { // whole, to be copied
			out.Line("%*s%s", indent+4, "", line)
		}
	}
	n := count(findings)
	out.Blank()
	out.Line("%d ok, %s, %s", n[OK], plural(n[Warning], "warning"), plural(n[Error], "error"))
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
