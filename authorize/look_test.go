package authorize_test

import (
	"flag"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what comes of the cases into their files")

// mostQuestions is what one look may ask, whatever it meets.
const mostQuestions = 250

// TestLook compares the report on each case with what its file asks for.
func TestLook(t *testing.T) {
	for _, c := range lookCases(t, "") {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			report, server := c.look(t)
			got := masked(strings.ReplaceAll(c.printed(report), server.addr, "SERVER"))
			questions := strings.Join(server.questions(), "\n") + "\n"
			if n := server.packets(); n > mostQuestions {
				t.Errorf("%d questions, want %d at most", n, mostQuestions)
			}
			checkWords(t, report)
			if *update {
				c.update(t, got, questions)
				return
			}
			if want := c.section("report"); got != want {
				t.Errorf("report:\n%s\nwant:\n%s", got, want)
			}
			if want := c.section("questions"); c.has("questions") && questions != want {
				t.Errorf("questions:\n%s\nwant:\n%s", questions, want)
			}
		})
	}
}
