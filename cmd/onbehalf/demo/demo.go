// Package demo shows what onbehalf is for, with nothing but this program: it
// writes a throw-away configuration, answers for the DNS of everyone in the play on
// a loopback port, runs the real daemon on a real socket, hands it mail as Postfix
// would, and asks what a receiver makes of each message without and with it.
package demo

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"onbehalf/milter/mta"
)

// timeLimit ends a demonstration that hangs.
const timeLimit = time.Minute

// Run plays all scenes and prints them to out. The program is the path of the
// onbehalf to run as the daemon.
func Run(ctx context.Context, program string, out io.Writer, colour bool) error {
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
	daemon, err := startDaemon(ctx, program, stage)
	if err != nil {
		return err
	}
	receiver := newReceiver(server.address, netip.MustParseAddr(hostIP))
	err = play(ctx, stage, daemon, receiver, printer{out, colour})
	if stopErr := daemon.stop(); err == nil {
		err = stopErr
	}
	return err
}

// play passes every scene through the daemon on one connection, as one SMTP
// session would.
func play(ctx context.Context, s *stage, d *daemon, r *receiver, p printer) error {
	client, err := mta.Dial("unix", s.socket)
	if err != nil {
		return err
	}
	defer client.Close()
	p.opening()
	firstSender := ""
	for i, scene := range scenes {
		mail := scene.mail(i)
		if i == 0 {
			if err := client.Connect(mail); err != nil {
				return err
			}
		}
		without, err := r.judge(ctx, arrival{mail.Sender, mail.Header, mail.Body})
		if err != nil {
			return err
		}
		result, err := client.Send(mail)
		if err != nil {
			return err
		}
		if i == 0 {
			firstSender = result.Sender
		}
		why, err := d.explain(ctx, mail.QueueID)
		if err != nil {
			return err
		}
		with := opinion{}
		if result.Reply == "" {
			if with, err = r.judge(ctx, arrival{result.Sender, result.Header, mail.Body}); err != nil {
				return err
			}
		}
		p.scene(i+1, scene, mail, without, why, result, with)
		if err := scene.check(result, without, with); err != nil {
			return fmt.Errorf("scene %d: %w", i+1, err)
		}
	}
	if err := comeHome(ctx, s, d, p, firstSender); err != nil {
		return err
	}
	p.closing()
	return nil
}

// comeHome plays the last scene: the first message bounces, and a stranger hands the
// bounce in.
func comeHome(ctx context.Context, s *stage, d *daemon, p printer, to string) error {
	client, err := mta.Dial("unix", s.socket)
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
	why, err := d.explain(ctx, mail.QueueID)
	if err != nil {
		return err
	}
	p.bounce(len(scenes)+1, to, why, result)
	if author := "<" + scenes[0].sender + ">"; len(result.Recipients) != 1 || result.Recipients[0] != author {
		return fmt.Errorf("the bounce goes to %s, not to %s; please report it", result.Recipients, author)
	}
	return nil
}

// freeAddress is a loopback address with a port that the system chooses.
const freeAddress = "127.0.0.1:0"

func listenBoth() (net.PacketConn, net.Listener, error) {
	udp, err := net.ListenPacket("udp", freeAddress)
	if err != nil {
		return nil, nil, err
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		udp.Close()
		return nil, nil, err
	}
	return udp, tcp, nil
}
