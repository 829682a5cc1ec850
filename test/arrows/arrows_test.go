// Package arrows holds the direction of dependencies: docs/flow.md draws the
// arrows, and this test fails when one points up.
package arrows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "onbehalf"

// below says which of our folders the packages of a folder may import. Packages of
// one folder may import each other; cmd and test may import everything.
var below = map[string][]string{
	"remedy":    {},
	"clock":     {},
	"socket":    {},
	"term":      {},
	"postfix":   {},
	"receivers": {},
	"trace":     {"receivers"},
	"disk":      {"remedy"},
	"message":   {"remedy"},
	"dmarc":     {"message"},
	"srs":       {"message"},
	"tenant":    {"dmarc", "message", "remedy"},
	"rewrite":   {"dmarc", "srs", "tenant", "message", "remedy"},
	"keys":      {"tenant", "message", "disk", "remedy"}, // Identity, the name of a key, is a tenant's
	"store":     {"tenant", "message", "disk", "clock", "remedy"},
	"events":    {"store", "tenant", "message", "disk", "clock", "remedy", "term"},
	"counters":  {"store", "rewrite", "message", "receivers"},
	"config":    {"dmarc", "tenant", "message", "disk", "remedy"},
	"authorize": {"rewrite", "dmarc", "srs", "keys", "tenant", "message", "receivers", "disk", "remedy", "term"}, // term: package publish prints
	"milter":    {"rewrite", "dmarc", "srs", "keys", "tenant", "message", "receivers", "socket"},
	"socketmap": {"rewrite", "dmarc", "srs", "keys", "tenant", "message", "socket"},
	"admin":     {"counters", "events", "store", "rewrite", "dmarc", "srs", "keys", "tenant", "message", "receivers", "socket", "term"}, // term: package print
	"metrics":   {"admin", "events", "milter", "receivers", "rewrite"},
}

// pure are the folders that work out an answer from what they are given, and change nothing.
var pure = []string{"rewrite", "dmarc", "srs", "receivers", "trace"}

// impure is what those may not import, with all below it.
var impure = []string{
	"net", "os", "log", "io/fs", "syscall",
	"github.com/hashicorp/go-memdb", "github.com/spf13/viper", "github.com/emersion/go-milter", "github.com/emersion/go-msgauth",
}

// judges are the packages that work out what DNS answers mean (authorize.Observation), and asking is
// what those may not import.
var (
	judges = []string{"onbehalf/authorize/publish", "onbehalf/authorize/record"}
	asking = []string{"context", "net", "os", "log", "log/slog"}
)

// daemon is what `onbehalf serve` runs. Of what is below cmd it imports only beneathDaemon: it is no
// part of any other command.
const (
	daemon        = "onbehalf/cmd/onbehalf/daemon"
	beneathDaemon = "onbehalf/cmd/onbehalf/access"
)

// lumber is what no folder is called: the name says nothing of what is in it.
var lumber = []string{"util", "utils", "common", "types", "helpers", "internal"}

// faults says what is wrong with packages that import each other so.
func faults(imports map[string][]string) []string {
	var all []string
	for _, from := range slices.Sorted(maps.Keys(imports)) {
		for element := range strings.SplitSeq(from, "/") {
			if slices.Contains(lumber, element) {
				all = append(all, fmt.Sprintf("%s: a package is called after what it is about; %q says nothing", from, element))
			}
		}
		folder := folderOf(from)
		allowed, known := below[folder]
		if !known && folder != "cmd" && folder != "test" {
			all = append(all, fmt.Sprintf("%s has no place in the house yet: say in test/arrows what it may import", from))
			continue
		}
		for _, to := range imports[from] {
			if fault := faultOf(from, to, folder, allowed); fault != "" {
				all = append(all, fault)
			}
		}
	}
	return all
}

func faultOf(from, to, folder string, allowed []string) string {
	other := folderOf(to)
	switch {
	case other == "":
		if slices.Contains(pure, folder) && slices.ContainsFunc(impure, func(p string) bool { return within(to, p) }) {
			return fmt.Sprintf("%s may not import %s: it is pure, and what it needs to know it is given", from, to)
		}
		if slices.Contains(judges, from) && slices.Contains(asking, to) {
			return fmt.Sprintf("%s may not import %s: it goes by what was observed, and asks nobody", from, to)
		}
	case from == daemon && other == "cmd" && to != beneathDaemon:
		return fmt.Sprintf("%s may not import %s: commands import the daemon, not the reverse", from, to)
	case folder == "test", folder == other:
	case folder == "cmd" && other != "test":
	case other == "test":
		return fmt.Sprintf("%s may not import %s: what is for tests stays out of the program", from, to)
	case !slices.Contains(allowed, other):
		return fmt.Sprintf("%s may not import %s: arrows point down only, from %s to %s", from, to, folder, orNothing(allowed))
	}
	return ""
}

// folderOf gives the folder at the top that a package of ours is in; empty: it is
// not ours.
func folderOf(pkg string) string {
	inner, ours := strings.CutPrefix(pkg, module+"/")
	if !ours {
		return ""
	}
	folder, _, _ := strings.Cut(inner, "/")
	return folder
}

func within(pkg, parent string) bool { return pkg == parent || strings.HasPrefix(pkg, parent+"/") }

func orNothing(allowed []string) string {
	if len(allowed) == 0 {
		return "nothing of ours"
	}
	return strings.Join(allowed, ", ")
}

// TestArrows looks at what all packages import, their tests aside.
func TestArrows(t *testing.T) {
	imports := listImports(t)
	for _, folder := range []string{"cmd/onbehalf", "message", "tenant", "rewrite", "keys", "config", "milter"} {
		if len(imports[path.Join(module, folder)]) == 0 {
			t.Errorf("go list found no imports of %s: the test looks at the wrong place", folder)
		}
	}
	for _, fault := range faults(imports) {
		t.Error(fault)
	}
}

// TestDrawn: docs/flow.md draws the arrows that hold.
func TestDrawn(t *testing.T) {
	flow, err := os.ReadFile("../../docs/flow.md")
	if err != nil {
		t.Fatal(err)
	}
	for folder, allowed := range below {
		if line := fmt.Sprintf("\n%s -> %s\n", folder, orNothing(allowed)); !strings.Contains(string(flow), line) {
			t.Errorf("docs/flow.md does not draw %q", strings.TrimSpace(line))
		}
	}
}

func listImports(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...")
	var talk bytes.Buffer
	list.Stderr = &talk
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &talk)
	}
	imports := make(map[string][]string)
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		err := decoder.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			return imports
		}
		if err != nil {
			t.Fatal(err)
		}
		imports[pkg.ImportPath] = pkg.Imports
	}
}

// TestFaults shows that the test can fail, by packages made up for it.
func TestFaults(t *testing.T) {
	tests := []struct{ from, to, fault string }{
		{"onbehalf/message", "onbehalf/tenant", "onbehalf/message may not import onbehalf/tenant: arrows point down only, from message to remedy"},
		{"onbehalf/tenant", "onbehalf/rewrite", "onbehalf/tenant may not import onbehalf/rewrite: arrows point down only, from tenant to dmarc, message, remedy"},
		{"onbehalf/rewrite", "onbehalf/keys", "arrows point down only"},
		{"onbehalf/rewrite", "onbehalf/config", "arrows point down only"},
		{"onbehalf/rewrite", "net/netip", "it is pure"},
		{"onbehalf/rewrite", "net", "it is pure"},
		{"onbehalf/rewrite", "os", "it is pure"},
		{"onbehalf/rewrite", "log/slog", "it is pure"},
		{"onbehalf/rewrite/deeper", "os", "it is pure"},
		{"onbehalf/rewrite", "github.com/hashicorp/go-memdb", "it is pure"},
		{"onbehalf/rewrite", "github.com/emersion/go-msgauth/dkim", "it is pure"},
		{"onbehalf/srs", "os", "it is pure"},
		{"onbehalf/dmarc", "net", "it is pure"},
		{"onbehalf/dmarc", "onbehalf/tenant", "arrows point down only, from dmarc to message"},
		{"onbehalf/srs", "onbehalf/tenant", "arrows point down only, from srs to message"},
		{"onbehalf/receivers", "net", "it is pure"},
		{"onbehalf/authorize/publish", "context", "asks nobody"},
		{"onbehalf/authorize/record", "net", "asks nobody"},
		{"onbehalf/receivers", "onbehalf/message", "arrows point down only, from receivers to nothing of ours"},
		{"onbehalf/rewrite", "onbehalf/receivers", "arrows point down only"},
		{"onbehalf/keys", "onbehalf/rewrite", "arrows point down only"},
		{"onbehalf/config", "onbehalf/keys", "arrows point down only"},
		{"onbehalf/milter", "onbehalf/config", "arrows point down only"},
		{"onbehalf/milter", "onbehalf/authorize", "arrows point down only"},
		{"onbehalf/milter/mta", "onbehalf/admin", "arrows point down only"},
		{"onbehalf/socketmap", "onbehalf/milter", "arrows point down only"},
		{"onbehalf/admin", "onbehalf/milter/mta", "arrows point down only"},
		{"onbehalf/socket", "onbehalf/message", "arrows point down only, from socket to nothing of ours"},
		{"onbehalf/authorize", "onbehalf/socketmap", "arrows point down only"},
		{"onbehalf/message", "onbehalf/cmd/onbehalf", "arrows point down only"},
		{"onbehalf/milter", "onbehalf/test/cases", "what is for tests stays out"},
		{"onbehalf/cmd/onbehalf", "onbehalf/test/cases", "what is for tests stays out"},
		{"onbehalf/cmd/onbehalf/daemon", "onbehalf/cmd/onbehalf/check", "not the reverse"},
		{"onbehalf/message/util", "fmt", `"util" says nothing`},
		{"onbehalf/internal/message", "fmt", `"internal" says nothing`},
		{"onbehalf/cmd/helpers", "fmt", `"helpers" says nothing`},
		{"onbehalf/newcomer", "fmt", "has no place in the house yet"},

		{"onbehalf/message", "net/netip", ""},
		{"onbehalf/tenant", "github.com/hashicorp/go-memdb", ""},
		{"onbehalf/rewrite", "onbehalf/tenant", ""},
		{"onbehalf/rewrite", "network.example/x", ""},
		{"onbehalf/authorize/publish", "net/netip", ""},
		{"onbehalf/authorize", "context", ""},
		{"onbehalf/keys", "onbehalf/tenant", ""},
		{"onbehalf/config", "onbehalf/tenant", ""},
		{"onbehalf/milter", "onbehalf/keys", ""},
		{"onbehalf/milter", "onbehalf/receivers", ""},
		{"onbehalf/socketmap", "onbehalf/socket", ""},
		{"onbehalf/milter/mta", "onbehalf/milter", ""},
		{"onbehalf/milter", "onbehalf/metrics", "arrows point down only"},
		{"onbehalf/metrics", "onbehalf/milter", ""},
		{"onbehalf/cmd/onbehalf", "onbehalf/milter/mta", ""},
		{"onbehalf/cmd/onbehalf/demo", "onbehalf/config", ""},
		{"onbehalf/cmd/onbehalf", "onbehalf/cmd/onbehalf/daemon", ""},
		{"onbehalf/cmd/onbehalf/daemon", "onbehalf/cmd/onbehalf/access", ""},
		{"onbehalf/test/cases", "onbehalf/config", ""},
	}
	for _, test := range tests {
		t.Run(test.from+" "+test.to, func(t *testing.T) {
			got := strings.Join(faults(map[string][]string{test.from: {test.to}}), "\n")
			if !strings.Contains(got, test.fault) || (got == "") != (test.fault == "") {
				t.Errorf("%q, want %q", got, test.fault)
			}
		})
	}
}
