package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"onbehalf/cmd/onbehalf/setup"
)

// docs writes the sources of the man pages, from what the commands say of themselves. It is
// hidden: packaging/man calls it.
func (p *program) docs() *cobra.Command {
	return &cobra.Command{
		Use:    "docs TEMPLATE FOLDER",
		Short:  "Write the sources of the man pages",
		Hidden: true,
		Args:   takes("TEMPLATE", "FOLDER"),
		RunE:   func(cmd *cobra.Command, args []string) error { return writeDocs(cmd.Root(), args[0], args[1]) },
	}
}

// Lines of the template that the list of commands, the next steps, and what manual prints take the
// place of.
const (
	commandsHere = "@commands@\n"
	nextHere     = "@next@\n"
	manualHere   = "@manual@\n"
)

// writeDocs makes a page of each command, and onbehalf(8) from the template.
func writeDocs(root *cobra.Command, template, folder string) error {
	overview, err := os.ReadFile(template)
	if err != nil {
		return err
	}
	for _, line := range []string{commandsHere, nextHere, manualHere} {
		if !bytes.Contains(overview, []byte(line)) {
			return fmt.Errorf("%s: no line %q", template, line)
		}
	}
	root.InitDefaultCompletionCmd()
	var list strings.Builder
	for _, cmd := range root.Commands() {
		if !cmd.IsAvailableCommand() {
			continue
		}
		page := "onbehalf-" + cmd.Name()
		fmt.Fprintf(&list, "**%s**(8)\n:   %s.\n\n", page, plain(cmd.Short))
		if err := writePage(folder, page, commandPage(cmd)); err != nil {
			return err
		}
	}
	page := strings.NewReplacer(commandsHere, list.String(), nextHere, "```\n"+setup.NextSteps()+"```\n", manualHere, manual("")).Replace(string(overview))
	return writePage(folder, "onbehalf", []byte(page))
}

func writePage(folder, name string, text []byte) error {
	return os.WriteFile(filepath.Join(folder, name+".8.md"), text, 0o644)
}

func commandPage(cmd *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# NAME\n\nonbehalf-%s - %s\n\n# SYNOPSIS\n\n", cmd.Name(), plain(lowerFirst(cmd.Short)))
	commands := []*cobra.Command{cmd}
	if cmd.HasAvailableSubCommands() {
		commands = cmd.Commands()
	}
	for _, c := range commands {
		fmt.Fprintf(&b, "**%s**\n\n", plain(c.UseLine()))
	}
	b.WriteString("# DESCRIPTION\n\n" + prose(cmd.Long, cmd.Short))
	if cmd.HasAvailableSubCommands() {
		for _, c := range commands {
			fmt.Fprintf(&b, "# %s\n\n%s", strings.ToUpper(c.CommandPath()), prose(c.Long, c.Short))
			writeOptions(&b, "##", c)
		}
	}
	writeOptions(&b, "#", cmd)
	b.WriteString(manual(cmd.Name()))
	b.WriteString("# SEE ALSO\n\n**onbehalf**(8), **onbehalf.yaml**(5)\n")
	return b.Bytes()
}

// writeOptions leaves out the options that all commands have: onbehalf(8) has them.
func writeOptions(b *bytes.Buffer, level string, cmd *cobra.Command) {
	flags := cmd.NonInheritedFlags()
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, "%s OPTIONS\n\n", level)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		if value != "" {
			value = " *" + plain(value) + "*"
		}
		fmt.Fprintf(b, "**--%s**%s\n:   %s\n\n", f.Name, value, plain(usage))
	})
}

// prose returns the paragraphs of a help text; those that are indented stay as they are.
func prose(long, short string) string {
	if long == "" {
		long = short + "."
	}
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.Trim(long, "\n"), "\n\n") {
		if strings.HasPrefix(paragraph, "  ") || strings.HasPrefix(paragraph, "\t") {
			b.WriteString("```\n" + paragraph + "\n```\n\n")
			continue
		}
		b.WriteString(plain(paragraph) + "\n\n")
	}
	return b.String()
}

// plain keeps Markdown from seeing its own signs in a text that has none.
var plain = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "#", `\#`, "|", `\|`,
).Replace

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
