package rewrite_test

import (
	"slices"
	"testing"

	"onbehalf/message"
	"onbehalf/rewrite"
)

// TestApplyCounts: edits count the fields of one name, as earlier edits have left them; one of a
// field that is not there changes nothing.
func TestApplyCounts(t *testing.T) {
	field := func(name, value string) message.Field { return message.Field{Name: name, Value: value} }
	header := message.Header{field("A", " 1"), field("B", " 1"), field("a", " 2")}
	change, remove := rewrite.Change, rewrite.Delete
	for _, test := range []struct {
		name  string
		edits []rewrite.Edit
		want  message.Header
	}{
		{"change of the second", []rewrite.Edit{{Op: change, Index: 2, Name: "A", Value: " x"}}, message.Header{header[0], header[1], field("A", " x")}},
		{"change of a third", []rewrite.Edit{{Op: change, Index: 3, Name: "A", Value: " x"}}, header},
		{"change of none", []rewrite.Edit{{Op: change, Name: "A", Value: " x"}}, header},
		{"change where there is none", []rewrite.Edit{{Op: change, Index: 1, Name: "C", Value: " x"}}, header},
		{"removal of the first, twice", []rewrite.Edit{{Op: remove, Index: 1, Name: "A"}, {Op: remove, Index: 1, Name: "A"}}, header[1:2]},
		{"removal of the second, twice", []rewrite.Edit{{Op: remove, Index: 2, Name: "A"}, {Op: remove, Index: 2, Name: "A"}}, header[:2]},
		{"removal of none", []rewrite.Edit{{Op: remove, Name: "A"}, {Op: remove, Index: -1, Name: "B"}}, header},
		{"removal of what was added", []rewrite.Edit{{Op: rewrite.Add, Name: "A", Value: " 3"}, {Op: remove, Index: 3, Name: "a"}}, header},
	} {
		before := slices.Clone(header)
		if got := (rewrite.Plan{Edits: test.edits}).Apply(header); !slices.Equal(got, test.want) {
			t.Errorf("%s gives\n%q, want\n%q", test.name, got, test.want)
		}
		if !slices.Equal(header, before) {
			t.Fatalf("%s: the header given is changed", test.name)
		}
	}
}
