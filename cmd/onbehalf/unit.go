package main

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Units of the package that systemd is asked about.
var units = []string{"onbehalf.service", "onbehalf.socket"}

// askSystemd bounds the question.
const askSystemd = 3 * time.Second

// unitState returns what systemd says of the package's units, and whether it says that the daemon
// does not run; empty: there is no systemd here, or it does not know them.
func unitState() (text string, stopped bool) {
	ctx, cancel := context.WithTimeout(context.Background(), askSystemd)
	defer cancel()
	args := append([]string{"show", "--no-pager", "--property=Id,LoadState,ActiveState,SubState,Result,NRestarts,StatusText"}, units...)
	out, err := exec.CommandContext(ctx, "systemctl", args...).Output()
	if err != nil {
		return "", false
	}
	return readUnits(string(out))
}

// readUnits words the properties of units, which an empty line divides.
func readUnits(properties string) (text string, stopped bool) {
	var all []string
	for block := range strings.SplitSeq(properties, "\n\n") {
		of := make(map[string]string)
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			of[name] = value
		}
		if of["LoadState"] == "not-found" || of["ActiveState"] == "" {
			continue
		}
		if of["Id"] == units[0] {
			stopped = !slices.Contains([]string{"active", "reloading", "deactivating"}, of["ActiveState"])
		}
		one := of["Id"] + " is " + of["ActiveState"] + " (" + of["SubState"] + ")"
		if result := of["Result"]; result != "" && result != "success" {
			one += ", it ended by " + result
		}
		if n := of["NRestarts"]; n != "" && n != "0" {
			one += ", started again " + n + " times"
		}
		if text := of["StatusText"]; text != "" {
			one += ", " + text
		}
		all = append(all, one)
	}
	return strings.Join(all, "; "), stopped
}

// unitUser returns the user that the package's unit runs the daemon as; empty: systemd does not
// say.
func unitUser() string {
	ctx, cancel := context.WithTimeout(context.Background(), askSystemd)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", "show", "--property=User", "--value", units[0]).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
