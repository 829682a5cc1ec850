package remedy

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

// TestOf holds that a cause which has the separator of Error's text in it stays whole.
func TestOf(t *testing.T) {
	odd := New("write a domain", "%q is not a domain", "a; b.example")
	for _, test := range []struct {
		err        error
		cause, fix string
	}{
		{odd, `"a; b.example" is not a domain`, "write a domain"},
		{fmt.Errorf("wrapped: %w", odd), `"a; b.example" is not a domain`, "write a domain"},
		{errors.New("a; b"), "a; b", "try again"},
		{&Error{Cause: "no such file", Err: fs.ErrNotExist}, "no such file", "try again"},
	} {
		if cause, fix := Of(test.err, "try again"); cause != test.cause || fix != test.fix {
			t.Errorf("%v: %q, %q; want %q, %q", test.err, cause, fix, test.cause, test.fix)
		}
	}
}

func TestError(t *testing.T) {
	e := (&Error{Cause: "no such file", Fix: "make it", Err: fs.ErrNotExist}).At("/x")
	if e.Error() != "/x: no such file; make it" || !errors.Is(e, fs.ErrNotExist) {
		t.Error(e)
	}
	if bare := (&Error{Cause: "no such file"}); bare.Error() != "no such file" {
		t.Error(bare)
	}
}
