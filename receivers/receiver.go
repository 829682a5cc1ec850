package receivers

import (
	"slices"
	"strings"
)

// receiver is who answers with its own codes.
type receiver struct {
	name     string   // empty: anyone
	hosts    []string // names of its servers, and all names below them
	marks    []string // that its words have and others' have not; lower case
	lastLine bool     // the last line decides, not the first that is known
}

var (
	gmail = &receiver{name: "Gmail", hosts: []string{"google.com", "googlemail.com", "smtp.goog"},
		marks: []string{"- gsmtp", "gcdp"}}
	outlook = &receiver{name: "Outlook.com", hosts: []string{"olc.protection.outlook.com"},
		marks: []string{"olc.protection.outlook.com", "(s3140)", "(s3150)", "(s775)", "(s3114)"}}
	exchange = &receiver{name: "Exchange Online",
		hosts: []string{"outlook.com", "mx.microsoft", "office365.com", "office365.us", "partner.outlook.cn"},
		marks: []string{".prod.outlook.com", ".prod.protection.outlook.com", "tenantattribution", "tenantinboundattribution"}}
	yahoo = &receiver{name: "Yahoo, AOL", hosts: []string{"yahoodns.net", "yahoo.com"},
		marks: []string{"[tss", "[ts0"}}
	gmx = &receiver{name: "GMX, web.de, mail.com", hosts: []string{"gmx.net", "gmx.com", "web.de", "mail.com"},
		marks: []string{"?c=r"}, lastLine: true}
	icloud = &receiver{name: "iCloud", hosts: []string{"icloud.com"},
		marks: []string{"[hme1]", "[cs01]"}}
	tOnline = &receiver{name: "T-Online", hosts: []string{"t-online.de"},
		marks: []string{"(nowl)", "(dial)"}}
	laposte = &receiver{name: "laposte.net", hosts: []string{"laposte.net"},
		marks: []string{"lpn00", "lpn02"}}
	orange = &receiver{name: "Orange", hosts: []string{"orange.fr", "wanadoo.fr"},
		marks: []string{"ofr00"}}
	mimecast = &receiver{name: "Mimecast", hosts: []string{"mimecast.com", "mimecast.co.za", "mimecast-offshore.com"},
		marks: []string{"mimecast.com"}}
	messageLabs = &receiver{name: "MessageLabs", hosts: []string{"messagelabs.com"},
		marks: []string{"symanteccloud.com", "messagelabs.com"}}
	rackspace = &receiver{name: "Rackspace", hosts: []string{"emailsrvr.com"},
		marks: []string{"(g1e)", "(g1f)", "(g28)"}}

	named = []*receiver{gmail, outlook, exchange, yahoo, gmx, icloud, tOnline, laposte, orange, mimecast,
		messageLabs, rackspace}

	microsoft = []*receiver{outlook, exchange} // each uses replies of the other, too

	anyone  = &receiver{}
	postfix = &receiver{name: "Postfix of this host"}
)

// recognize returns whose entries a reply is looked up in, the most likely first; never none.
func recognize(host string, r Reply) []*receiver {
	if !r.said() && len(r.Lines) > 0 {
		return []*receiver{postfix}
	}
	who := byHost(host)
	if who == nil {
		who = byMark(wordsOf(r))
	}
	switch {
	case slices.Contains(microsoft, who):
		return append([]*receiver{who}, append(slices.Clone(microsoft), anyone)...)
	case who != nil:
		return []*receiver{who, anyone}
	case host == "":
		return []*receiver{postfix, anyone}
	}
	return []*receiver{anyone}
}

func byHost(host string) *receiver {
	for _, who := range named {
		if slices.ContainsFunc(who.hosts, func(name string) bool { return host == name || strings.HasSuffix(host, "."+name) }) {
			return who
		}
	}
	return nil
}

func byMark(words string) *receiver {
	for _, who := range named {
		if slices.ContainsFunc(who.marks, func(mark string) bool { return strings.Contains(words, mark) }) {
			return who
		}
	}
	return nil
}

// hostOf returns the name in "mx.example[192.0.2.1]:25", "[mx.example]:25", "dns; mx.example" or
// "mx.example."; empty for "none".
func hostOf(host string) string {
	if _, name, typed := strings.Cut(host, ";"); typed {
		host = name
	}
	host = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(host)), "[")
	if end := strings.IndexAny(host, "[]:"); end >= 0 {
		host = host[:end]
	}
	host = strings.TrimSuffix(host, ".")
	if host == "none" {
		return ""
	}
	return host
}
