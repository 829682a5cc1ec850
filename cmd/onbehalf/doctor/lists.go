package doctor

import (
	"fmt"
	"slices"

	"onbehalf/cmd/onbehalf/setup"
	"onbehalf/socketmap"
	"onbehalf/tenant"
)

// tableSettings says what is wrong with tables of ours in Postfix's settings, and with services
// that have such a setting for themselves.
func (d *doctor) tableSettings(w setup.Wanted) {
	for _, setting := range setup.TableSettings {
		tables := d.Postfix.Tables(setting, w)
		for _, t := range tables {
			if !d.Postfix.Right(setting, t.Name) {
				d.add(d.wrongTable(setting, t, w))
			}
		}
		if len(tables) > 1 && !d.wrongIn(setting, w) {
			d.add(d.tidy(Finding{Level: Warning, What: setting + " names our socketmap twice", Why: "the second one never has an answer that the first has not, and is asked all the same"}, setting, w))
		}
		if w.Direct && !w.Socketmap.IsZero() {
			d.ownTables(setting, w)
		}
	}
}

// saidOfTables reports whether tableSettings says what there is to say of a setting.
func (d *doctor) saidOfTables(setting string, w setup.Wanted) bool {
	return d.wrongIn(setting, w) || len(d.Postfix.Tables(setting, w)) > 1
}

func (d *doctor) wrongIn(setting string, w setup.Wanted) bool {
	if !slices.Contains(setup.TableSettings, setting) {
		return false
	}
	return slices.ContainsFunc(d.Postfix.Tables(setting, w), func(t setup.Table) bool { return !d.Postfix.Right(setting, t.Name) })
}

func (d *doctor) wrongTable(setting string, t setup.Table, w setup.Wanted) Finding {
	f := Finding{Level: Error, What: fmt.Sprintf("%s asks our socketmap for the map %q", setting, t.Name), Why: "that is none with answers for this setting"}
	if t.Name == socketmap.TLSPolicyTLSRPT && setting == "smtp_tls_policy_maps" {
		f.Why = fmt.Sprintf("its answers have attributes that Postfix knows from 3.10 on; this is %s, and defers all mail to a next hop for which it gets one", d.Postfix.Setting("mail_version"))
	}
	return d.tidy(f, setting, w)
}

// tidy adds how a setting gets one table of ours, in front.
func (d *doctor) tidy(f Finding, setting string, w setup.Wanted) Finding {
	c := d.Postfix.Change(setting, w)
	if d.Postfix.Borrowed(setting, w) {
		f.Mend = fmt.Sprintf("it comes by way of another setting (%s is %s): correct that, so that it holds %s once, in front", setting, c.Now, d.Postfix.Element(setting, w))
		return f
	}
	if c.Now == c.Value {
		f.Mend = fmt.Sprintf("%s is set in master.cf: put %s in front of it there", setting, d.Postfix.Element(setting, w))
		return f
	}
	f.Mend, f.Commands = "set it, then reload Postfix", []string{c.Line(), "postfix reload"}
	return f
}

// ownTables finds the services that deliver directly and have a setting for themselves in which
// our table is missing.
func (d *doctor) ownTables(setting string, w setup.Wanted) {
	for _, service := range d.Postfix.ReadsTables(setting) {
		value, own := d.Postfix.Of(service, setting)
		matters := setting == "transport_maps" || setting == "smtp_tls_policy_maps" && service.Name == setup.DirectService && len(d.strict()) > 0
		if !own || !matters || slices.ContainsFunc(setup.ParseTables(value), func(t setup.Table) bool { return d.Postfix.Ours(t, w) }) {
			continue
		}
		d.add(Finding{Level: Error, What: fmt.Sprintf("in master.cf %s has %s of its own (%s), without our table", service.Name, setting, orEmpty(value)),
			Why:      "what main.cf says does not count there",
			Mend:     fmt.Sprintf("take it out, or put %s in front of it", d.Postfix.Element(setting, w)),
			Commands: []string{fmt.Sprintf("postconf -PX %s/%s", service.Name, setting), "postfix reload"}})
	}
}

// strict returns the tenants whose directly delivered mail needs TLS.
func (d *doctor) strict() []*tenant.Tenant {
	return d.directTenants(func(t *tenant.Tenant) bool { return t.Direct.TLS != tenant.TLSMay })
}

func (d *doctor) directTenants(which func(*tenant.Tenant) bool) []*tenant.Tenant {
	return slices.DeleteFunc(slices.Clone(d.Config.Tenants), func(t *tenant.Tenant) bool {
		return len(t.Direct.Domains) == 0 || !which(t)
	})
}
