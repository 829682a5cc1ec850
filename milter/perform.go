package milter

import (
	"slices"
	"strings"

	library "github.com/emersion/go-milter"

	"onbehalf/message"
	"onbehalf/rewrite"
)

// editor sends edits to Postfix.
type editor struct {
	*library.Modifier
	leadingSpace bool // values travel with it; else Postfix adds one
}

// perform sends the plan's edits: the reverse-path, the recipients, the header, the
// signatures on top with the first of them uppermost. The guard holds them back until
// the reply, so that Postfix gets all of them or none.
func (e editor) perform(plan rewrite.Plan, signatures []message.Field) error {
	if plan.ReversePath != nil {
		if err := e.ChangeFrom("<" + plan.ReversePath.String() + ">"); err != nil {
			return err
		}
	}
	if err := e.exchange(plan.Exchanges); err != nil {
		return err
	}
	for _, edit := range plan.Edits {
		if err := e.edit(edit); err != nil {
			return err
		}
	}
	for _, field := range slices.Backward(signatures) {
		if err := e.InsertHeader(0, field.Name, e.value(field.Value)); err != nil {
			return err
		}
	}
	return nil
}

// exchange adds before it deletes: a message without recipients would vanish. The
// recipient to delete is named as RCPT gave it; Postfix passes over any other
// spelling in silence.
func (e editor) exchange(exchanges []rewrite.Exchange) error {
	done := make(map[string]bool, 2*len(exchanges))
	for _, x := range exchanges {
		if to := x.To.String(); !done["+"+to] {
			done["+"+to] = true
			if err := e.AddRecipient(to); err != nil {
				return err
			}
		}
	}
	for _, x := range exchanges {
		if !done["-"+x.Recipient] {
			done["-"+x.Recipient] = true
			if err := e.DeleteRecipient(x.Recipient); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e editor) edit(edit rewrite.Edit) error {
	switch edit.Op {
	case rewrite.Add:
		return e.AddHeader(edit.Name, e.value(edit.Value))
	case rewrite.Delete:
		return e.ChangeHeader(edit.Index, edit.Name, "")
	default:
		return e.ChangeHeader(edit.Index, edit.Name, e.value(edit.Value))
	}
}

func (e editor) value(v string) string {
	if e.leadingSpace {
		return v
	}
	return strings.TrimPrefix(v, " ")
}
