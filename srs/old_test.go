package srs

// OldReply returns the local part of a reply address that earlier versions made where none
// fitted. It is still read.
func (c Codec) OldReply(tenantID string) string {
	tt := stamp(c.day)
	return "reply+" + tenantID + "=" + c.mac(inRound(forReplies, c.day), tt, tenantID) + "=" + tt
}
