package message

// Author returns the address in From that a message is by: the first one, as ParseFrom reads it.
// The zero Address: it cannot be read.
func (h Header) Author() Address {
	field, _ := h.Get("From")
	author, err := ParseFrom(field.Value)
	if err != nil {
		return Address{}
	}
	return author.Mailboxes[0].Address
}
