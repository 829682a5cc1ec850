package openssl

import (
	"bytes"
	"unsafe"
)

// cString returns the text in a buffer up to its NUL.
func cString(buffer []byte) string {
	text, _, _ := bytes.Cut(buffer, []byte{0})
	return string(text)
}

// longest bounds what is read of a C string.
const longest = 256

// goString copies a NUL-terminated string of the library.
func goString(text uintptr) string {
	if text == 0 {
		return ""
	}
	var s []byte
	for p := *(*unsafe.Pointer)(unsafe.Pointer(&text)); len(s) < longest; p = unsafe.Add(p, 1) {
		c := *(*byte)(p)
		if c == 0 {
			break
		}
		s = append(s, c)
	}
	return string(s)
}
