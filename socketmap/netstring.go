package socketmap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	// maxKept is the longest request that is looked at, in octets. No address and no next
	// hop is longer.
	maxKept = 2048
	// maxRequest is the longest that is read at all. Postfix asks for keys of up to 100,000
	// octets, which a client may write into MAIL or RCPT, and takes a closed connection for a
	// failure of the table.
	maxRequest = 128 << 10
	maxDigits  = 6 // of the length of a request
)

var errMalformed = errors.New("not a netstring")

// readRequest reads one request. Of one longer than maxKept it returns only that it is. The error
// is io.EOF only where no request had begun.
func readRequest(r *bufio.Reader) (text []byte, tooLong bool, err error) {
	length, err := readLength(r)
	if err != nil {
		return nil, false, err
	}
	if length > maxKept {
		if _, err := r.Discard(length); err != nil {
			return nil, false, halfway(err)
		}
		return nil, true, readComma(r)
	}
	text = make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, false, halfway(err)
	}
	return text, false, readComma(r)
}

// readLength reads the digits before the colon. Postfix writes no leading zero.
func readLength(r *bufio.Reader) (int, error) {
	length := 0
	for digits := 0; ; digits++ {
		c, err := r.ReadByte()
		switch {
		case err != nil && digits == 0:
			return 0, err
		case err != nil:
			return 0, halfway(err)
		case c == ':' && digits > 0:
			if length > maxRequest {
				return 0, fmt.Errorf("request of %d bytes; at most %d are taken", length, maxRequest)
			}
			return length, nil
		case c < '0' || c > '9' || digits == maxDigits || digits == 1 && length == 0:
			return 0, errMalformed
		}
		length = 10*length + int(c-'0')
	}
}

func readComma(r *bufio.Reader) error {
	c, err := r.ReadByte()
	switch {
	case err != nil:
		return halfway(err)
	case c != ',':
		return errMalformed
	}
	return nil
}

func halfway(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendNetstring is the one place that writes a length: one that is wrong leaves Postfix
// waiting for 100 seconds.
func appendNetstring(to []byte, text string) []byte {
	to = strconv.AppendInt(to, int64(len(text)), 10)
	to = append(to, ':')
	to = append(to, text...)
	return append(to, ',')
}
