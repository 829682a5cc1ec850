package authorize

import (
	"time"

	"onbehalf/authorize/resolve"
)

// Observation is everything that DNS answered about some domains at one moment, as data. What is
// judged by it (Judge, Receive, package publish) is a pure function of the answers, so that the
// same comes of it at any time and on any host. It is written as JSON, and read back.
type Observation struct {
	At      time.Time        `json:"at"` // when it began
	Answers resolve.Recorded `json:"answers"`
	// SPF is what check_host() returned then, for each sending IP. Nothing is judged by it: whoever
	// judges evaluates again, and the same comes of the same answers.
	SPF []SPFResult `json:"spf,omitempty"`
}

// To returns the answer to a question, as resolve.Answers has it.
func (o Observation) To(name string, qtype uint16) (resolve.Answer, error) {
	return o.Answers.To(name, qtype)
}
