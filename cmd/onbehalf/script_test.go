package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the scripts print into their files")

// TestMain lets the test binary be onbehalf itself: scripts and daemon tests run it
// under that name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"onbehalf": main})
}

// TestScripts runs the command lines in testdata/*.txtar as an administrator would.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Setup:         setUpScript,
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// setUpScript gives a script a configuration that is good, with keys.
func setUpScript(env *testscript.Env) error {
	return writeInstallation(env.WorkDir)
}

// exits runs a command that must end with a status: exits 1 onbehalf check-config
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND ...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s ended with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// goodConfig is a whole configuration; %[1]s is its folder.
const goodConfig = `listen: ["unix:%[1]s/milter.sock"]
admin: ""
socketmap: ""
state_dir: %[1]s
keys_dir: %[1]s/keys
tenants_dir: %[1]s/tenants.d
platform:
  name: Courseware
  domain: courseware.nl
  from: noreply@courseware.nl
  bounce_domain: bounces.courseware.nl
  bounces_to: postmaster@courseware.nl
  sending_ips: [80.84.235.70]
  dkim: [{selector: cw1, key: platform.pem}]
srs: {secrets: %[1]s/srs.secrets}
tenants:
  - id: yourorg
    name: Your Organisation
    domains: [yourorganisationname.nl]
    authorization: unauthorized
  - id: university
    domains: [university.example, "*.university.example"]
    authorization: authorized
    dkim: [{selector: cw1, key: university.pem}]
`

// writeInstallation writes a good configuration, its keys and secrets.
func writeInstallation(folder string) error {
	for _, name := range []string{"keys", "tenants.d"} {
		if err := os.Mkdir(folder+"/"+name, 0o700); err != nil {
			return err
		}
	}
	err := errors.Join(
		os.WriteFile(folder+"/onbehalf.yaml", fmt.Appendf(nil, goodConfig, folder), 0o600),
		os.WriteFile(folder+"/srs.secrets", []byte("a secret for tests only\n"), 0o600),
		writeKey(folder+"/keys/platform.pem"),
		writeKey(folder+"/keys/university.pem"),
	)
	return err
}
