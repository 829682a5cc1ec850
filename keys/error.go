package keys

// Error tells an administrator why a key file is of no use and what to do. It
// holds nothing of what the file says.
type Error struct {
	Path   string // empty: the key is not in a file
	Cause  string // "no such file"
	Remedy string // "correct the name"
	Err    error  // what was behind it, for errors.Is; may be nil
}

// Error gives "path: cause; remedy".
func (e *Error) Error() string {
	text := e.Cause + "; " + e.Remedy
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	return text
}

// Unwrap gives what was behind it.
func (e *Error) Unwrap() error { return e.Err }

// refuse makes an Error; at gives it the file.
func refuse(cause, remedy string, err error) *Error {
	return &Error{Cause: cause, Remedy: remedy, Err: err}
}

func (e *Error) at(path string) *Error {
	e.Path = path
	return e
}
