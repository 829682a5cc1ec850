package admin

import "strings"

// Status says in a line that mail is deferred, and the first reason.
func (u *Unready) Status() string {
	why := u.Reason
	for _, f := range u.Findings {
		if why == "" && f.Level == "error" {
			why = f.Text
		}
	}
	return "NOT READY, all mail is deferred (451): " + strings.Join(strings.Fields(why), " ")
}
