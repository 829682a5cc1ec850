package message

// Postfix completes what it takes for an address without a domain in the header fields of
// local clients, before any milter sees them: of
//
//	From: Jansen, Piet <p@un.example>
//
// it makes two mailboxes, "Jansen@$myorigin, Piet <p@un.example>". Words without a comma
// between them get one ("Jansen de Vries" becomes three mailboxes), and the blank behind
// a colon or semicolon goes.

// uncompleted takes tokens back to what the writer wrote: bare words at a domain that
// completion adds, before one mailbox at another domain, are words of a name. Ok is
// false where nothing of the kind is there.
func uncompleted(tokens []token, adds func(Domain) bool) (name []token, ok bool) {
	end := index(tokens, '<')
	if end < 0 {
		if before, spec, _ := cutBare(tokens); !isCompletion(spec, adds) {
			end = len(before)
		}
	}
	if end < 0 || !anyCompletion(tokens[:end], adds) {
		return nil, false
	}
	var words []token
	afterWord := false // the last thing taken is a completed word
	for i := 0; i < end; i++ {
		t := tokens[i]
		switch {
		case isCompletion(tokens[i:end], adds):
			words = append(words, token{kind: atom, text: t.text, blank: t.blank})
			afterWord = true
			i += 2
			continue
		case t.kind == ',' && afterWord && separatesWords(tokens[i+1:end], adds):
		case t.kind == ',' && len(words) > 0 && words[len(words)-1].kind == ';':
		case t.kind == ';' || t.kind == ':':
			words = append(words, t)
			tokens[i+1].blank = true
		default:
			words = append(words, t)
		}
		afterWord = false
	}
	return append(words, tokens[end:]...), true
}

func anyCompletion(tokens []token, adds func(Domain) bool) bool {
	for i := range tokens {
		if isCompletion(tokens[i:], adds) {
			return true
		}
	}
	return false
}

// separatesWords reports whether a comma before the rest of the name was added too.
func separatesWords(rest []token, adds func(Domain) bool) bool {
	return len(rest) == 0 || isCompletion(rest, adds)
}

// isCompletion reports whether tokens begin with a bare word at a domain that completion adds.
func isCompletion(t []token, adds func(Domain) bool) bool {
	if len(t) < 3 || t[0].kind != atom && t[0].kind != quoted || t[1].kind != '@' || t[1].blank || t[2].kind != atom || t[2].blank {
		return false
	}
	domain, _ := ParseHost(t[2].text) // the zero Domain is none that completion adds
	return adds(domain)
}
