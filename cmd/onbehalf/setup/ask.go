package setup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"onbehalf/term"
)

// ErrLeft says that a person has ended the talk: what is not agreed on is not done.
var ErrLeft = errors.New("left; nothing more was done")

// Talk is a conversation with a person at a terminal.
type Talk struct {
	in  *bufio.Reader
	out io.Writer
}

// NewTalk makes a conversation.
func NewTalk(in io.Reader, out io.Writer) *Talk { return &Talk{bufio.NewReader(in), out} }

// say prints prose in lines that fit the terminal.
func (t *Talk) say(format string, args ...any) { term.New(t.out).Text(format, args...) }

// show prints what is to be agreed on.
func (t *Talk) show(line string) { term.New(t.out).Line("%s", line) }

// Ask gets the answers that are not given, each until it is right.
func (t *Talk) Ask(given Answers, host Host) (Answers, error) {
	t.say("A few questions; Enter accepts the value in brackets, Ctrl-D stops and changes nothing.")
	a := given
	for _, q := range questions {
		if q.get(given) != "" {
			continue
		}
		if q.offered {
			q.set(&a, q.standard(a, host))
			fmt.Fprintln(t.out)
			t.say("%s: %s (or --%s): %s.", q.title, q.get(a), q.Flag, q.why)
			continue
		}
		if err := t.ask(q, &a, host); err != nil {
			return a, err
		}
	}
	return a, nil
}

// ask gets one answer, which config must accept beside those before it.
func (t *Talk) ask(q question, a *Answers, host Host) error {
	fmt.Fprintln(t.out)
	t.say("%s: %s.", q.title, q.why)
	standard := q.standard(*a, host)
	if q.hint != nil {
		for line := range strings.Lines(q.hint(host)) {
			t.say("%s", line)
		}
	}
	doubted := "" // an answer that is taken when it is given twice
	for {
		prompt := "> "
		if standard != "" {
			prompt = "[" + standard + "] > "
		}
		value, err := t.line(prompt)
		if err != nil {
			return err
		}
		if value == "" {
			value = standard
		}
		if value == "" {
			t.say("This has no default; write one.")
			continue
		}
		if hidden := q.hidden(value); hidden != "" && value != doubted {
			doubted = value
			t.say("Receivers do not see %s: it is a private address. Write the one that they see, or the same again if you know better.", hidden)
			continue
		}
		if t.accept(q, a, value, host) {
			return nil
		}
	}
}

// accept takes the value if nothing is wrong with it, and says what is otherwise.
// Answers that are still to come do not count yet: their defaults stand in.
func (t *Talk) accept(q question, a *Answers, value string, host Host) bool {
	trial := *a
	q.set(&trial, value)
	whole := trial.stand(host)
	_, findings := try(whole)
	wrong, warnings := whole.about(q, findings)
	for _, text := range wrong {
		t.say("That does not work: %s.", text)
	}
	if len(wrong) > 0 {
		return false
	}
	for _, text := range warnings {
		t.say("Taken, with a warning: %s.", text)
	}
	*a = trial
	return true
}

// stand fills what is not answered with anything that will do.
func (a Answers) stand(host Host) Answers {
	whole, _ := a.Complete(host)
	return whole.over(Answers{Name: "Platform", Domain: "platform.example", SendingIPs: []string{"192.88.99.1"}})
}

// Agree asks a question of yes or no.
func (t *Talk) Agree(text string, standard bool) (bool, error) {
	choice := " [y/N] "
	if standard {
		choice = " [Y/n] "
	}
	for {
		value, err := t.line(text + choice)
		switch {
		case err != nil:
			return false, err
		case value == "":
			return standard, nil
		case strings.EqualFold(value, "y") || strings.EqualFold(value, "yes"):
			return true, nil
		case strings.EqualFold(value, "n") || strings.EqualFold(value, "no"):
			return false, nil
		}
		t.say("Answer y or n.")
	}
}

// line reads one. A last line that was not ended was not agreed to either.
func (t *Talk) line(prompt string) (string, error) {
	fmt.Fprint(t.out, prompt)
	text, err := t.in.ReadString('\n')
	if err != nil {
		fmt.Fprintln(t.out)
		if errors.Is(err, io.EOF) {
			return "", ErrLeft
		}
		return "", fmt.Errorf("%w: %w", ErrLeft, err)
	}
	return strings.TrimSpace(text), nil
}
