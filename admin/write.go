package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// product is how the server names itself, so that Ask knows it from others (RFC 9110
// section 10.2.4).
const product = "onbehalf"

// write sends a document.
func write(w http.ResponseWriter, r *http.Request, status int, document any) {
	body, err := Marshal(document)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error": "the document cannot be written"}`+"\n")
	}
	h := w.Header()
	h.Set("Server", product)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusMethodNotAllowed {
		h.Set("Allow", "GET, HEAD") // RFC 9110 section 15.5.6
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// Marshal returns a document as JSON that may be let through to a terminal: strangers
// write some of the texts in it, by their DNS. Control characters are escaped, and so
// is all else that nobody would see.
func Marshal(document any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return Escape(b.Bytes()), nil
}

// Escape does for JSON that package json has written what Marshal does: what it touches can only
// stand inside of strings.
func Escape(text []byte) []byte {
	safe := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == '\n' || unicode.IsPrint(r) {
			safe = append(safe, text[:size]...)
		} else {
			for _, unit := range utf16.AppendRune(nil, r) { // RFC 8259 section 7
				safe = fmt.Appendf(safe, `\u%04x`, unit)
			}
		}
		text = text[size:]
	}
	return safe
}
