package term

import "strings"

// longestBar is how many columns a bar has at most.
const longestBar = 40

// Bar returns a bar that is as long as n is of most, in the columns that others leave it. More than
// nothing shows as one column at least. Where there is no terminal, it is empty: programs read
// numbers.
func (p *Printer) Bar(n, most int64, others int) string {
	if !p.terminal || n <= 0 || most <= 0 {
		return ""
	}
	room := max(1, min(longestBar, p.columns-others))
	part := float64(min(n, most)) / float64(most) * float64(room)
	return strings.Repeat("#", max(1, int(part+0.5)))
}
