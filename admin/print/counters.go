package print

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"onbehalf/admin"
	"onbehalf/counters"
	"onbehalf/receivers"
	"onbehalf/term"
)

// Counters prints what became of the mail of the platform, or of no tenant.
func Counters(out io.Writer, c admin.Counters) {
	p := printer{term.New(out), time.Now()}
	p.counters("", c)
}

// besideBar is how many columns stand before the bar.
const besideBar = 45

// counters prints a line for each day since the first that had any mail.
func (p printer) counters(id string, c admin.Counters) {
	if c.Error != "" {
		p.Text("How much mail there was is not known: %s", c.Error)
	}
	if len(c.Days) == 0 {
		return
	}
	for _, d := range c.Disagreements {
		p.disagreement(id, d)
	}
	from := slices.IndexFunc(c.Days, func(d counters.Day) bool { return d.Own() > 0 || d.CameBack() > 0 })
	if from < 0 {
		p.Text("No mail in the last %s (UTC)%s.", count(len(c.Days), "day"), p.lastMail(c))
		return
	}
	p.Text("Mail of the last %s (UTC)%s:", count(len(c.Days), "day"), p.lastMail(c))
	p.days(c.Days[from:])
	p.sums(c.Days)
}

func (p printer) lastMail(c admin.Counters) string {
	if c.Last.IsZero() {
		return ""
	}
	return ", the last message " + p.ago(c.Last)
}

func (p printer) days(all []counters.Day) {
	var most int64
	for _, d := range all {
		most = max(most, d.Own())
	}
	var rows [][]string
	for _, d := range all {
		rows = append(rows, []string{"  " + d.Date, fmt.Sprintf("%8d", d.Own()), fmt.Sprintf("%7d", d.Own("refused")),
			fmt.Sprintf("%9d", d.CameBack()), p.Bar(d.Own(), most, besideBar)})
	}
	p.Table([]string{"  DAY", "MESSAGES", "REFUSED", "CAME BACK"}, rows, nil)
}

// sums says of all days together what became of mail, and why.
func (p printer) sums(all []counters.Day) {
	byRow, refused, returned := make(map[string]map[string]int64), make(map[string]int64), make(map[string]int64)
	for _, d := range all {
		for row, by := range d.Messages {
			if byRow[row] == nil {
				byRow[row] = make(map[string]int64)
			}
			add(byRow[row], by)
		}
		add(refused, d.Refused)
		add(returned, d.Returned)
	}
	var rows []string
	for _, row := range slices.SortedFunc(maps.Keys(byRow), func(a, b string) int {
		return cmp.Or(cmp.Compare(total(byRow[b]), total(byRow[a])), strings.Compare(a, b))
	}) {
		rows = append(rows, row+": "+numbers(byRow[row]))
	}
	p.sum("By row", strings.Join(rows, "; "))
	p.sum("Refused", numbers(refused))
	p.sum("Came back", numbers(returned))
}

func add[K ~string](to map[string]int64, from map[K]int64) {
	for key, n := range from {
		to[string(key)] += n
	}
}

func total(of map[string]int64) (n int64) {
	for _, one := range of {
		n += one
	}
	return n
}

// numbers returns numbers of things, the largest first.
func numbers(of map[string]int64) string {
	keys := slices.SortedFunc(maps.Keys(of), func(a, b string) int { return cmp.Or(cmp.Compare(of[b], of[a]), strings.Compare(a, b)) })
	var words []string
	for _, key := range keys {
		words = append(words, fmt.Sprintf("%d %s", of[key], key))
	}
	return strings.Join(words, ", ")
}

func (p printer) sum(name, text string) {
	if text != "" {
		p.Item("  "+name, label, "%s", text)
	}
}

// disagreement says what to look at.
func (p printer) disagreement(id string, d counters.Disagreement) {
	at := ""
	if d.Host != "" {
		at = " by " + unicodeOf(d.Host)
	}
	p.Text("warning: %s disagree with DNS as this host sees it: since %s, %s said that mail of %s is not authenticated, the last%s %s. %s %s",
		receivers.AtReceiver(d.Receiver), d.Since, count(int(d.Count), "notification"), unicodeOf(d.Domain), at, p.ago(d.Last), d.Finding, strings.ReplaceAll(d.Fix, "TENANT", id))
	p.below(4, "%s", receivers.LookAt(id))
	p.Blank()
}
