package milter

import (
	"encoding/binary"
	"slices"
	"strings"

	library "github.com/emersion/go-milter"

	"onbehalf/message"
	"onbehalf/rewrite"
)

// editor writes edits for Postfix into the guard, which holds them back until the reply. The
// library has a Modifier for that, which takes 4 kB of memory for each edit.
type editor struct {
	guard        *guard
	leadingSpace bool // values travel with it; else Postfix adds one
}

// apply sends the plan's edits: the reverse-path, the recipients, the header, the
// signatures on top with the first of them uppermost. The guard holds them back until
// the reply, so that Postfix gets all of them or none.
func (e editor) apply(plan rewrite.Plan, signatures []message.Field) {
	if plan.ReversePath != nil {
		e.frame(library.ActChangeFrom, "<"+plan.ReversePath.String()+">")
	}
	e.redirect(plan.Redirects)
	for _, edit := range plan.Edits {
		e.edit(edit)
	}
	for _, field := range slices.Backward(signatures) {
		e.indexed(library.ActInsertHeader, 0, field.Name, e.value(field.Value))
	}
}

// redirect adds before it deletes: a message without recipients would vanish. The
// recipient to delete is named as RCPT gave it; Postfix ignores any other
// spelling.
func (e editor) redirect(redirects []rewrite.Redirect) {
	done := make(map[string]bool, 2*len(redirects))
	for _, x := range redirects {
		if to := x.To.String(); !done["+"+to] {
			done["+"+to] = true
			e.frame(library.ActAddRcpt, "<"+to+">")
		}
	}
	for _, x := range redirects {
		if !done["-"+x.Recipient] {
			done["-"+x.Recipient] = true
			e.frame(library.ActDelRcpt, "<"+x.Recipient+">")
		}
	}
}

func (e editor) edit(edit rewrite.Edit) {
	switch edit.Op {
	case rewrite.Add:
		e.frame(library.ActAddHeader, edit.Name, e.value(edit.Value))
	case rewrite.Delete:
		e.indexed(library.ActChangeHeader, edit.Index, edit.Name, "")
	default:
		e.indexed(library.ActChangeHeader, edit.Index, edit.Name, e.value(edit.Value))
	}
}

// value is a field's as Postfix takes it: folds travel as LF and white space.
func (e editor) value(v string) string {
	if !e.leadingSpace {
		v = strings.TrimPrefix(v, " ")
	}
	return strings.ReplaceAll(v, "\r\n", "\n")
}

// frame writes an edit of words, each with its NUL.
func (e editor) frame(code library.ModifyActCode, words ...string) { e.write(code, nil, words) }

// indexed writes an edit with a place in front of its words.
func (e editor) indexed(code library.ModifyActCode, place int, words ...string) {
	e.write(code, binary.BigEndian.AppendUint32(nil, uint32(place)), words)
}

func (e editor) write(code library.ModifyActCode, place []byte, words []string) {
	length := 1 + len(place)
	for _, word := range words {
		length += len(word) + 1
	}
	out := &e.guard.out
	out.Write(append(binary.BigEndian.AppendUint32(out.AvailableBuffer(), uint32(length)), byte(code)))
	out.Write(place)
	for _, word := range words {
		out.WriteString(word)
		out.WriteByte(0)
	}
}
