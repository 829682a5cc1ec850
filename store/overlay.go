package store

// overlay is what waits of a bucket within a range, as a walk meets it.
type overlay struct {
	later, earlier *tree // of one key in both, the later change counts; nil: none
	r              Range
	next           Change // that was not taken yet
	more           bool   // there is one
}

func newOverlay(later, earlier *tree, r Range) *overlay {
	o := &overlay{later: later, earlier: earlier, r: r}
	o.find(r.begin())
	return o
}

// begin returns where a walk begins, and whether a key there is not within the range; all: at the
// first key that there is.
func (r Range) begin() (at string, beyond, all bool) {
	if r.Reverse {
		return r.To, true, r.To == ""
	}
	return r.From, false, r.From == ""
}

// pop takes the next change.
func (o *overlay) pop() Change {
	c := o.next
	o.find(c.Key, true, false)
	return c
}

// find finds the next change from a key on, or beyond it.
func (o *overlay) find(at string, beyond, all bool) {
	o.more = false
	for _, t := range []*tree{o.later, o.earlier} {
		if t == nil {
			continue
		}
		take := func(c Change) bool {
			if beyond && !all && c.Key == at {
				return true
			}
			if o.r.has(c.Key) && (!o.more || o.r.compare(c.Key, o.next.Key) < 0) {
				o.next, o.more = c, true
			}
			return false
		}
		switch {
		case o.r.Reverse && all:
			t.Descend(take)
		case o.r.Reverse:
			t.DescendLessOrEqual(Change{Key: at}, take)
		default:
			t.AscendGreaterOrEqual(Change{Key: at}, take)
		}
	}
}
