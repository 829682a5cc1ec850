package socketmap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// errLong is an answer that no server of ours writes.
var errLong = errors.New("an answer longer than any of ours")

// Ask sends one request, "MAP KEY", and returns the answer, "OK VALUE" or "NOTFOUND ". The
// caller bounds the time by a deadline. The error is io.EOF where the peer closed the connection
// without an answer.
func Ask(conn io.ReadWriter, request string) (answer string, err error) {
	if _, err := conn.Write(appendNetstring(nil, request)); err != nil {
		return "", err
	}
	text, tooLong, err := readRequest(bufio.NewReader(conn))
	switch {
	case errors.Is(err, errMalformed):
		return "", fmt.Errorf("the answer is %w", err)
	case err != nil:
		return "", err
	case tooLong:
		return "", errLong
	}
	return string(text), nil
}
