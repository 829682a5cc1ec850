package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestReloadRefused: what stops a reload is called an error, also where a start would go on.
func TestReloadRefused(t *testing.T) {
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder+"/tenants.d/cut.yaml", []byte("tenants:\n  - id: cut\n    domains: [cut.exam"+"ple]#"), 0o600); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{"--start": "warning: ", "--reload": "error: "} {
		var out, talk bytes.Buffer
		status := run([]string{"check-config", "--config", folder + "/onbehalf.yaml", flag}, nil, &out, &talk)
		if text := out.String() + talk.String(); (status == 0) != (flag == "--start") || !strings.Contains(text, want+folder+"/tenants.d/cut.yaml: has no newline") {
			t.Errorf("%s: %d\n%s", flag, status, text)
		}
	}
}
