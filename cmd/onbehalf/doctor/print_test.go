package doctor

import (
	"bytes"
	"strings"
	"testing"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/config"
)

func TestPrint(t *testing.T) {
	findings := []Finding{
		{Part: "configuration", What: "all is well"},
		{Part: "sockets", Level: Error, What: strings.Repeat("long ", 20), Why: "because", Fix: "fix \x1b[31mit", Commands: []string{"chgrp " + strings.Repeat("x", 80)}},
		{Part: "sockets", Level: Warning, What: "odd"},
	}
	var b bytes.Buffer
	Print(&b, findings)
	const want = `configuration
  ok      all is well
sockets
  ERROR   long long long long long long long long long long long long long long
          long long long long long long
          because
          do: fix ?[31mit
              chgrp xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
  warning odd

1 ok, 1 warning, 1 error
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
	if !Bad(findings) || Bad(findings[:1]) || Bad(findings[2:]) {
		t.Error("only an error is bad")
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		f    config.Finding
		want Level
	}{
		{config.Finding{Level: config.Error}, Error},
		{config.Finding{Level: config.Fault, Item: "tenant a"}, Warning},
		{config.Finding{Level: config.Warning}, Warning},
		{config.Finding{Level: config.Warning, Truncated: true}, Error},
	} {
		if got := ofConfig(c.f).Level; got != c.want {
			t.Errorf("%+v: %s, want %s", c.f, got, c.want)
		}
	}
	for _, c := range []struct {
		i    publish.Item
		want Level
	}{
		{publish.Item{Mechanism: "spf", Finding: authorize.Finding{Verdict: authorize.There}}, OK},
		{publish.Item{Mechanism: "dkim s1", Finding: authorize.Finding{Verdict: authorize.Missing}}, Error},
		{publish.Item{Mechanism: "dmarc", Optional: true, Finding: authorize.Finding{Verdict: authorize.Missing}}, Warning},
		{publish.Item{Mechanism: "return_path", Finding: authorize.Finding{Verdict: authorize.Broken}}, Error},
	} {
		if got := ofItem("a.example", c.i).Level; got != c.want {
			t.Errorf("%+v: %s, want %s", c.i, got, c.want)
		}
	}
}
