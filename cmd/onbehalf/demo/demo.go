package demo

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/message"
	"onbehalf/milter/mta"
	"onbehalf/term"
)

// timeLimit ends a demonstration that hangs.
const timeLimit = time.Minute

// Run plays all scenes and prints them to out. The program is the path of the
// onbehalf to run as the daemon.
func Run(ctx context.Context, program string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	folder, err := os.MkdirTemp("", "onbehalf-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	stage, err := build(folder)
	if err != nil {
		return err
	}
	server, err := serveDNS(stage.zone)
	if err != nil {
		return err
	}
	defer server.Shutdown()
	if err := stage.configure(server.address); err != nil {
		return err
	}
	receiver, err := resolve.New(resolve.Options{Servers: []string{server.address}, Timeout: 5 * time.Second})
	if err != nil {
		return err
	}
	daemon, err := startDaemon(ctx, program, stage)
	if err != nil {
		return err
	}
	t := &theatre{ctx, stage, server, daemon, receiver, printer{out, term.New(out)}}
	err = t.play()
	if stopErr := daemon.stop(); err == nil {
		err = stopErr
	}
	return err
}

// theatre is where the play is given.
type theatre struct {
	ctx      context.Context
	stage    *stage
	dns      *nameserver
	daemon   *daemon
	receiver *resolve.Client // the resolver of a receiving server
	printer
}

func (t *theatre) play() error {
	client, err := mta.Dial("unix", t.stage.socket)
	if err != nil {
		return err
	}
	defer client.Close()
	t.opening()
	if err := client.Connect(scenes[0].mail(0)); err != nil { // one SMTP session for all
		return err
	}
	firstSender := ""
	for i, scene := range scenes {
		sender, err := t.scene(client, i, scene)
		if err != nil {
			return err
		}
		if i == 0 {
			firstSender = sender
		}
	}
	if err := t.returnBounce(firstSender); err != nil {
		return err
	}
	if err := t.dns.publish(t.stage.zone + t.stage.added); err != nil {
		return err
	}
	if err := t.daemon.sees(t.ctx, customers[0]); err != nil {
		return err
	}
	if _, err := t.scene(client, len(scenes)+1, change); err != nil {
		return err
	}
	t.closing()
	return nil
}

// scene passes one message through the daemon, and returns the envelope sender that it
// leaves with.
func (t *theatre) scene(client *mta.Client, number int, s scene) (sender string, err error) {
	mail := s.mail(number)
	without := t.judge(mail.Sender, mail.Header, mail.Body)
	result, err := client.Send(mail)
	if err != nil {
		return "", err
	}
	why, err := t.daemon.explain(t.ctx, mail.QueueID)
	if err != nil {
		return "", err
	}
	var with authorize.Opinion
	if result.Reply == "" {
		with = t.judge(result.Sender, result.Header, mail.Body)
	}
	t.show(number+1, s, mail, without, why, result, with)
	if err := s.check(result, without, with); err != nil {
		return "", fmt.Errorf("scene %d: %w", number+1, err)
	}
	return result.Sender, nil
}

// judge asks what a receiver thinks of a message.
func (t *theatre) judge(sender string, header message.Header, body []byte) authorize.Opinion {
	a := authorize.Arrival{Client: netip.MustParseAddr(hostIP), Sender: message.ParsePath(sender)}
	a.Author = header.Author().Domain
	a.Octets = append([]byte(header.String()+"\r\n"), body...)
	return authorize.Receive(resolve.NewRecorder(t.ctx, t.receiver), a)
}

// returnBounce plays the bounce of the first message, which a stranger hands in.
func (t *theatre) returnBounce(to string) error {
	client, err := mta.Dial("unix", t.stage.socket)
	if err != nil {
		return err
	}
	defer client.Close()
	mail := bounceTo(to)
	if err := client.Connect(mail); err != nil {
		return err
	}
	result, err := client.Send(mail)
	if err != nil {
		return err
	}
	why, err := t.daemon.explain(t.ctx, mail.QueueID)
	if err != nil {
		return err
	}
	t.bounce(len(scenes)+1, to, why, result)
	if author := "<" + scenes[0].sender + ">"; len(result.Recipients) != 1 || result.Recipients[0] != author {
		return fmt.Errorf("the bounce goes to %s, not to %s; please report it", result.Recipients, author)
	}
	return nil
}
