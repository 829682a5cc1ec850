package cases

import (
	"onbehalf/keys"
	"onbehalf/tenant"
)

// Generation stands in for a generation of the daemon's configuration. The zero value has no table.
type Generation struct {
	Tenants   *tenant.Table
	Keys      *keys.Ring
	Addresses bool  // are written to the log
	Memory    int64 // for messages, in octets; zero: the default
}

// These are of milter.Source.

func (g *Generation) Table() *tenant.Table { return g.Tenants }
func (g *Generation) Ring() *keys.Ring     { return g.Keys }
func (g *Generation) LogAddresses() bool   { return g.Addresses }
func (g *Generation) MessageMemory() int64 { return g.Memory }
