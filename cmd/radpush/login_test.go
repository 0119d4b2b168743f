package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"radpush/login"
	"radpush/radius"
	"radpush/radius/access"
)

// asks is a command of the scripts: it runs a RADIUS server that asks every user the same
// questions and accepts whoever knows the answers. Its arguments are pairs of a file with a
// prompt, in which \e is an escape character, and the answer; $SERVER becomes its address, and
// loopback-only-secret is its secret.
func asks(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args)%2 != 0 {
		ts.Fatalf("usage: asks [prompt answer]...")
	}
	q := &questions{}
	for i := 0; i < len(args); i += 2 {
		q.prompts = append(q.prompts, strings.ReplaceAll(ts.ReadFile(args[i]), `\e`, "\x1b"))
		q.answers = append(q.answers, args[i+1])
	}
	clients, err := radius.NewClients([]radius.Client{{Name: "test", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Secret: radius.Secret(peerSecret)}})
	ts.Check(err)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	ts.Check(err)
	server := &radius.Server{
		Handler: &access.Handler{Engine: q, Clients: map[string]login.Client{"test": {Challenge: true}}, Log: slog.New(slog.DiscardHandler)},
		Clients: clients, RejectDelay: -1,
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- server.Serve(ctx, conn) }()
	ts.Defer(func() {
		stop()
		ts.Check(<-ended)
	})
	ts.Setenv("SERVER", conn.LocalAddr().String())
}

// questions is an engine. The State is the number of the question.
type questions struct{ prompts, answers []string }

func (q *questions) Begin(_ context.Context, a login.Attempt) (login.Verdict, *login.Held, error) {
	if a.User != "alice" || a.Station != "198.51.100.1" || a.NAS != "radpush-login" { // in every round
		return login.Verdict{Message: "Who is that?"}, nil, nil
	}
	n, message := 0, ""
	if a.State != "" {
		var err error
		if n, err = strconv.Atoi(a.State); err != nil || n >= len(q.answers) {
			return login.Verdict{}, nil, fmt.Errorf("State %q", a.State)
		}
		switch {
		case a.Passcode.Equal("no"):
			return login.Verdict{Message: "Then not."}, nil, nil
		case a.Passcode.Equal(q.answers[n]):
			n++
		default:
			message = "That was not right. "
		}
	} else {
		a.Passcode.Equal("p") // with MS-CHAPv2 the reply needs to know
	}
	if n == len(q.prompts) {
		return login.Verdict{Outcome: login.Accept}, nil, nil
	}
	return login.Verdict{Outcome: login.Challenge, State: strconv.Itoa(n), Message: message + q.prompts[n]}, nil, nil
}
