package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// strayKeys puts the text of a private key where a name belongs, one place at a time.
func strayKeys(t *testing.T, folder string) (body string, configs map[string]string) {
	t.Helper()
	text, err := os.ReadFile(folder + "/keys/platform.pem")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	body = strings.Join(lines[1:len(lines)-1], "")
	good := fmt.Sprintf(goodConfig, folder)
	configs = make(map[string]string)
	for _, place := range []string{
		"key: university.pem", "selector: cw1, key: university.pem", "selector: cw1, key: platform.pem", "keys_dir: " + folder + "/keys", "state_dir: " + folder,
		"tenants_dir: " + folder + "/tenants.d", "domain: courseware.nl", "domains: [yourorganisationname.nl]", `listen: ["unix:` + folder + `/milter.sock"]`,
		`admin: ""`, "secrets: " + folder + "/srs.secrets", "name: Courseware", "id: university", "authorization: authorized", "bounces_to: postmaster@courseware.nl",
	} {
		key, _, _ := strings.Cut(place, ":")
		stray := key + ": " + body
		if strings.Contains(place, "[") {
			stray = key + ": [" + body + "]"
		}
		if key == "selector" {
			stray += place[strings.Index(place, ","):]
		}
		if configs[place] = strings.Replace(good, place, stray, 1); configs[place] == good {
			t.Fatalf("%s is not in the configuration", place)
		}
	}
	return body, configs
}

func checkNoKey(t *testing.T, where, body, text string) {
	t.Helper()
	for i := 0; i+10 <= len(body); i++ {
		if strings.Contains(text, body[i:i+10]) {
			t.Errorf("%s: the key is shown:\n%s", where, text)
			return
		}
	}
}

// TestStrayKeyIsNotPrinted holds that no command, start or reload prints a key that stands where
// a name belongs.
func TestStrayKeyIsNotPrinted(t *testing.T) {
	d := startServe(t)
	body, configs := strayKeys(t, d.folder)
	for place, config := range configs {
		path := t.TempDir() + "/onbehalf.yaml"
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"check-config", "check-config --json", "serve", "status", "dns", "bounce decode a@b.example", "explain --from a@b.example /dev/null"} {
			out, err := exec.Command("onbehalf", append(strings.Fields(command), "--config", path)...).CombinedOutput()
			if err == nil {
				t.Errorf("%s: %s finds nothing wrong", place, command)
			}
			checkNoKey(t, place+": "+command, body, string(out))
		}
		if status := d.reload(config); !strings.Contains(status, "refused") {
			t.Errorf("%s: the reload says %s", place, status)
		}
	}
	d.command.Process.Signal(syscall.SIGTERM) // at its end all is written
	if err := d.endsSoon(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(d.said(), "reload refused"); n != len(configs) {
		t.Errorf("%d reloads are in the log, want %d", n, len(configs))
	}
	checkNoKey(t, "the log of reloads", body, d.said())
}
