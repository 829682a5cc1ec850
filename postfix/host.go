package postfix

import (
	"cmp"
	"context"
	"os"
)

// Hostname returns the name of this host as Postfix gives it to milters (the macro j): myhostname
// or, where there is no Postfix to ask, the system's name. One that is given comes first. It is
// the only way by which commands learn the name.
func (i Instance) Hostname(ctx context.Context, given string) string {
	if given != "" {
		return given
	}
	text, _ := i.run(ctx, "postconf", "-x", "myhostname")
	return Configuration{expanded: parseSettings(text)}.Hostname()
}

// Hostname returns the name of this host, by a Configuration that was read already.
func (c Configuration) Hostname() string {
	name, _ := os.Hostname()
	return cmp.Or(c.expanded["myhostname"], name)
}
