package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"onbehalf/config"
	"onbehalf/tenant"
)

// completion returns what an argument or the value of a flag may be, given its beginning.
type completion = cobra.CompletionFunc

// flagValues are the values of flags, by name. A flag that is not here has a value that only the
// administrator knows, and the shell offers nothing, not the files of the folder.
func (p *program) flagValues() map[string]completion {
	return map[string]completion{
		"config":   filesOf("yaml", "yml"),
		"from":     p.addresses, // of check it is a file: see addCompletions
		"example":  filesOf("yaml", "yml"),
		"keys-dir": folders,
		"tenant":   p.tenants,
		"domain":   p.domains,
		"type":     words(string(tenant.RSA), string(tenant.Ed25519)),
		"bits":     words("2048", "3072", "4096"),
		"to":       p.addresses,
		"rcpt":     p.addresses,
	}
}

// addCompletions gives each command and flag its completion.
func (p *program) addCompletions(root *cobra.Command) {
	values := p.flagValues()
	each(root, func(cmd *cobra.Command) {
		if cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		add := func(f *pflag.Flag) {
			complete := values[f.Name]
			switch {
			case f.Value.Type() == "bool":
				return
			case f.Name == "from" && cmd.Name() == "check":
				complete = filesOf("json")
			case complete == nil:
				complete = cobra.NoFileCompletions
			}
			cmd.RegisterFlagCompletionFunc(f.Name, complete)
		}
		cmd.LocalFlags().VisitAll(add)
	})
}

// each visits a command and all below it.
func each(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, one := range cmd.Commands() {
		each(one, visit)
	}
}

func filesOf(extensions ...string) completion {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return extensions, cobra.ShellCompDirectiveFilterFileExt
	}
}

func anyFile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// once completes the only argument of a command.
func once(complete completion) completion {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, begun)
	}
}

func folders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func words(all ...string) completion {
	return cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp)
}

// readable returns the tenants of a configuration, as far as it can be read.
func (p *program) readable() []*tenant.Tenant {
	conf, _ := config.Load(p.config, os.Environ())
	return conf.Tenants
}

// tenants offers ids, with their names; domains to who has begun one.
func (p *program) tenants(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	var all []string
	for _, t := range p.readable() {
		if strings.HasPrefix(t.ID, begun) {
			all = append(all, cobra.CompletionWithDesc(t.ID, t.Name))
		}
	}
	if len(all) > 0 {
		return all, cobra.ShellCompDirectiveNoFileComp
	}
	return p.domains(cmd, args, begun)
}

// domains offers those of tenants.
func (p *program) domains(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	var all []string
	for _, t := range p.readable() {
		for _, d := range t.Domains {
			if name := d.Domain.String(); strings.HasPrefix(name, strings.ToLower(begun)) && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// addresses offers domains behind the @ of an address that is begun.
func (p *program) addresses(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	at := strings.LastIndexByte(begun, '@') + 1
	if at == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, directive := p.domains(cmd, args, begun[at:])
	for i := range all {
		all[i] = begun[:at] + all[i]
	}
	return all, directive
}
