package rewrite_test

import (
	"flag"
	"strings"
	"testing"

	"onbehalf/test/cases"
)

var update = flag.Bool("update", false, "write what comes of the cases into their files")

// TestCases compares the plan of each case, and the header that it leads to, with
// what the case's file asks for.
func TestCases(t *testing.T) {
	for _, c := range cases.All(t, "testdata") {
		t.Run(c.Name, func(t *testing.T) {
			plan := c.Decide()
			gotPlan := cases.Print(plan)
			gotHeader := strings.ReplaceAll(plan.Apply(c.Message.Header).String(), "\r\n", "\n")
			if plan.Action == "refuse" {
				gotHeader = ""
			}
			if *update {
				c.Update(t, gotPlan, gotHeader)
				return
			}
			wantPlan, wantHeader := c.Want()
			if gotPlan != wantPlan {
				t.Errorf("plan:\n%s\nwant:\n%s", gotPlan, wantPlan)
			}
			if gotHeader != wantHeader {
				t.Errorf("header:\n%s\nwant:\n%s", gotHeader, wantHeader)
			}
		})
	}
}
