package milter

import (
	"slices"

	library "github.com/emersion/go-milter"

	"onbehalf/message"
	"onbehalf/rewrite"
)

// perform sends the plan's edits: the reverse-path, the header, the signatures on
// top with the first of them uppermost. The guard holds them back until the reply,
// so that Postfix gets all of them or none.
func perform(m *library.Modifier, plan rewrite.Plan, signatures []message.Field) error {
	if plan.ReversePath != nil {
		if err := m.ChangeFrom("<" + plan.ReversePath.String() + ">"); err != nil {
			return err
		}
	}
	for _, edit := range plan.Edits {
		if err := performEdit(m, edit); err != nil {
			return err
		}
	}
	for _, field := range slices.Backward(signatures) {
		if err := m.InsertHeader(0, field.Name, field.Value); err != nil {
			return err
		}
	}
	return nil
}

func performEdit(m *library.Modifier, e rewrite.Edit) error {
	switch e.Op {
	case rewrite.Add:
		return m.AddHeader(e.Name, e.Value)
	case rewrite.Delete:
		return m.ChangeHeader(e.Index, e.Name, "")
	default:
		return m.ChangeHeader(e.Index, e.Name, e.Value)
	}
}
