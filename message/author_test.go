package message

import "testing"

// TestAuthor: the first address in the first From, and none rather than a guess.
func TestAuthor(t *testing.T) {
	for value, want := range map[string]string{
		` "A, B" <a@b.example>, c@d.example`: "a@b.example",
		" undisclosed":                       "",
		"":                                   "",
	} {
		h := Header{{Name: "Subject", Value: " x"}, {Name: "From", Value: value}}
		got := ""
		if author := h.Author(); !author.IsZero() {
			got = author.String()
		}
		if got != want {
			t.Errorf("%q: by %q, want %q", value, got, want)
		}
	}
	if author := (Header{}).Author(); !author.IsZero() {
		t.Errorf("a header without From is by %s", author)
	}
}
