package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"time"

	"onbehalf/admin"
	"onbehalf/message"
	"onbehalf/tenant"
	"onbehalf/term"
)

// Bounds of the wait for the daemon's lookups. One takes a minute where no server answers.
const (
	lookTime  = 90 * time.Second
	lookEvery = 100 * time.Millisecond
)

// lookNow has the running daemon look up a tenant, by whatever name, waits until it has, and says on
// standard error what has changed: standard output is the same as without it.
func (p *program) lookNow(client adminClient, called string) error {
	path := "/tenants/" + url.PathEscape(called)
	var before, after admin.Tenant
	if err := client.get(path, &before); err != nil {
		return err
	}
	begun, err := client.lookNow(called)
	if err != nil {
		return err
	}
	progress := term.NewProgress(p.err)
	defer progress.Done()
	for deadline := time.Now().Add(lookTime); ; time.Sleep(lookEvery) {
		if err := client.get(path, &after); err != nil {
			return err
		}
		left := waiting(begun, after)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			progress.Done()
			return p.lookedInVain(client, left)
		}
		progress.Show("the daemon is looking up %d of %d domains ...", len(left), len(begun.Domains))
	}
	progress.Done()
	p.sayLookedUp(begun, before, after)
	return nil
}

func (c adminClient) lookNow(called string) (admin.Lookups, error) {
	begun, err := admin.LookNow(c.socket.Network, c.socket.Address, called)
	var no admin.Error
	if errors.As(err, &no) {
		return begun, no
	} else if err != nil {
		err = c.explain(err)
	}
	return begun, err
}

// waiting returns the domains whose lookup has not ended, of those that the tenant's page shows.
func waiting(begun admin.Lookups, page admin.Tenant) (left []message.Domain) {
	ended := make(map[message.Domain]bool)
	for _, d := range page.Domains {
		dmarc := d.Standing.DMARC // that every lookup looks at
		ended[d.Standing.Domain] = dmarc.Checked.After(begun.At) || dmarc.LookupError.At.After(begun.At)
	}
	for _, d := range begun.Domains {
		if done, shown := ended[d]; shown && !done {
			left = append(left, d)
		}
	}
	return left
}

// lookedInVain says why the daemon has not looked.
func (p *program) lookedInVain(client adminClient, left []message.Domain) error {
	var s admin.Status
	if err := client.get("/status", &s); err != nil {
		return err
	}
	if !s.DNS.PausedUntil.IsZero() {
		return fmt.Errorf("the daemon has not looked up %s: DNS gives no answer that counts since %s, and the lookup is first when it does; onbehalf status says more", left[0], s.DNS.UnansweredSince.Local().Format("15:04"))
	}
	return fmt.Errorf("the daemon has not looked up %s within %s: it is busy (onbehalf status), and will", left[0], lookTime)
}

// sayLookedUp says what has changed by the lookups.
func (p *program) sayLookedUp(begun admin.Lookups, before, after admin.Tenant) {
	say := func(format string, args ...any) {
		p.sayLine("%s", term.CleanLines("onbehalf: "+fmt.Sprintf(format, args...)))
	}
	say("the daemon has looked up %d of the domains of %s now", len(begun.Domains), after.ID)
	changed := 0
	for i, d := range after.Domains {
		if i >= len(before.Domains) || before.Domains[i].Domain != d.Domain {
			continue // the configuration was loaded meanwhile
		}
		was := before.Domains[i]
		for _, line := range changes(was.Standing, d.Standing) {
			changed++
			say("%s %s", d.Domain, line)
		}
		if was.Row != d.Row {
			changed++
			say("mail from %s now leaves by row %s, and left by row %s", d.Domain, d.Row, was.Row)
		}
	}
	if changed == 0 {
		say("nothing has changed")
	}
}

// changes are what is another state than it was, in the words of onbehalf status.
func changes(before, after tenant.Standing) (lines []string) {
	note := func(name, was, is, evidence string) {
		if was != is {
			lines = append(lines, fmt.Sprintf("%s: %s -> %s: %s", name, cmp.Or(was, "not known"), cmp.Or(is, "not known"), evidence))
		}
	}
	note("spf", string(before.SPF.State), string(after.SPF.State), after.SPF.Evidence)
	for _, key := range after.DKIM {
		note("dkim "+key.Name, string(before.Key(key.Name).State), string(key.State), key.Evidence)
	}
	note("return_path", string(before.ReturnPath.State), string(after.ReturnPath.State), after.ReturnPath.Evidence)
	note("dmarc", string(before.DMARC.Policy), string(after.DMARC.Policy), after.DMARC.Evidence)
	if failed := after.DMARC.LookupError; failed != (tenant.LookupError{}) {
		lines = append(lines, "no answer: "+failed.Error)
	}
	return lines
}
