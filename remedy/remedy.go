// Package remedy has the one type of error that says what to do about it. A program that shows
// causes and fixes separately, in two columns or two fields of JSON, takes them from there: a text
// is never cut in two to find them, because a value that the text quotes may contain anything.
package remedy

import (
	"errors"
	"fmt"
)

// Error is an error with the next step of whoever reads it.
type Error struct {
	Path  string // of the file that it is about; empty: none, or the cause names it
	Cause string // "is larger than 64 MiB"
	Fix   string // "split it into files of tenants_dir"
	Err   error  // what was behind it, for errors.Is; may be nil
}

// Error returns "path: cause; fix", without the parts that are empty.
func (e *Error) Error() string {
	text := e.Cause
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	return text
}

// Unwrap returns what was behind it.
func (e *Error) Unwrap() error { return e.Err }

// At returns the error as one about a file.
func (e *Error) At(path string) *Error {
	at := *e
	at.Path = path
	return &at
}

// New returns an error with a fix; the cause is formatted as by fmt.Sprintf.
func New(fix, cause string, args ...any) *Error {
	return &Error{Cause: fmt.Sprintf(cause, args...), Fix: fix}
}

// Of returns the cause and the fix of an error; for one without a fix, its text and otherwise.
// What an Error was wrapped in is part of neither.
func Of(err error, otherwise string) (cause, fix string) {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error(), otherwise
	}
	if fix = e.Fix; fix == "" {
		fix = otherwise
	}
	return e.Cause, fix
}
