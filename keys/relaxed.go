package keys

import (
	"bytes"
	"hash"
)

// relaxedField appends a header field in the relaxed canonicalization of RFC 6376 section
// 3.4.2: the name in lower case, each run of white space and folds as one space, none at the
// ends of the value, and a CRLF.
func relaxedField[T string | []byte](to []byte, name string, value T) []byte {
	for i := range len(name) {
		to = append(to, lower(name[i]))
	}
	to = append(to, ':')
	gap := false // white space since the last word
	start := len(to)
	for i := 0; i < len(value); {
		if isSpace(value[i]) {
			gap = true
			i++
			continue
		}
		end := i + 1
		for end < len(value) && !isSpace(value[end]) {
			end++
		}
		if gap && len(to) > start {
			to = append(to, ' ')
		}
		to = append(to, value[i:end]...)
		gap, i = false, end
	}
	return append(to, "\r\n"...)
}

// isSpace reports whether c is white space or part of a fold.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// relaxedBody hashes a body in the relaxed canonicalization of RFC 6376 section 3.4.4: in
// each line a run of blanks as one space and none at its end, no empty lines at the end of the
// body, and a CRLF after a last line without one. A LF alone counts as a line end.
//
// It keeps nothing of the body. Blanks and line ends are held back, as a flag and a number,
// until text shows that they count; all that is canonical already is hashed where it lies.
type relaxedBody struct {
	hash  hash.Hash
	blank bool  // blanks are held back
	lines int64 // line ends are held back
	cr    bool  // the last octet was a CR: a LF must follow
	text  bool  // text was hashed
}

// write takes the next piece of the body, of any size. The error is errBareCR.
func (b *relaxedBody) write(p []byte) error {
	for len(p) > 0 {
		n, err := b.white(p)
		if err != nil {
			return err
		}
		if p = p[n:]; len(p) == 0 {
			return nil
		}
		b.release()
		n = canonical(p)
		b.hash.Write(p[:n])
		p = p[n:]
	}
	return nil
}

// white holds back the white space that p begins with, and returns its length.
func (b *relaxedBody) white(p []byte) (int, error) {
	for i, c := range p {
		if b.cr && c != '\n' {
			return i, errBareCR
		}
		switch c {
		case ' ', '\t':
			b.blank = true
		case '\r':
			b.cr = true
		case '\n':
			b.cr, b.blank = false, false
			b.lines++
		default:
			return i, nil
		}
	}
	return len(p), nil
}

var (
	lineEnds = bytes.Repeat([]byte("\r\n"), 512)
	oneSpace = []byte(" ")
)

// release hashes what was held back: text follows.
func (b *relaxedBody) release() {
	b.text = true
	for b.lines > 0 {
		n := min(b.lines, int64(len(lineEnds)/2))
		b.hash.Write(lineEnds[:2*n])
		b.lines -= n
	}
	if b.blank {
		b.hash.Write(oneSpace)
		b.blank = false
	}
}

// sum ends the body. A body without text is empty.
func (b *relaxedBody) sum() ([]byte, error) {
	if b.cr {
		return nil, errBareCR
	}
	if b.text {
		b.hash.Write(lineEnds[:2])
	}
	return b.hash.Sum(nil), nil
}
