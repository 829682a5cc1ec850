package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"onbehalf/term"
)

// repeatConfig has the commands that this one suggests repeat --config: without it they would read
// the configuration of another daemon.
func (p *program) repeatConfig(root *cobra.Command) {
	if !root.PersistentFlags().Changed("config") {
		return
	}
	var names []string
	for _, cmd := range root.Commands() {
		names = append(names, regexp.QuoteMeta(cmd.Name()))
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) }) // check-config is not check
	suggested := regexp.MustCompile(`\bonbehalf (` + strings.Join(names, "|") + `)\b( --config)?`)
	complete := func(text string) string {
		return suggested.ReplaceAllStringFunc(text, func(command string) string {
			if strings.HasSuffix(command, " --config") {
				return command
			}
			return command + " --config " + shellWord(p.config)
		})
	}
	p.out, p.err = term.Completed{Writer: p.out, Complete: complete}, term.Completed{Writer: p.err, Complete: complete}
}

var harmless = regexp.MustCompile(`^[A-Za-z0-9/._+:@%=-]+$`)

// shellWord quotes a word for a shell, if it must be.
func shellWord(word string) string {
	if harmless.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
