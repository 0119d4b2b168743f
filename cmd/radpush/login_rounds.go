package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	wire "layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// maxRounds ends a login at a server that does not stop asking.
const maxRounds = 10

// converse sends a login and, each time the server asks, the same login again with its State
// and what answer returns for the prompt. It returns the replies, the last one last, also
// with an error.
func (n *nas) converse(ctx context.Context, l nasLogin, answer func(ctx context.Context, prompt string) (string, error)) (rounds []nasReply, err error) {
	for {
		reply, err := n.login(ctx, l)
		if err != nil {
			return rounds, err
		}
		rounds = append(rounds, reply)
		switch {
		case reply.Code != wire.CodeAccessChallenge:
			return rounds, nil
		case len(rounds) == maxRounds:
			return rounds, fmt.Errorf("the server has asked %d times and does not come to an end", maxRounds)
		}
		if l.Passcode, err = answer(ctx, reply.message()); err != nil {
			return rounds, err
		}
		l.State = rfc2865.State_Get(reply.Packet)
	}
}

func (r nasReply) message() string { return rfc2865.ReplyMessage_GetString(r.Packet) }

// A typist answers prompts: with what --answer gave as long as there is some, then by
// asking a person, or with the lines of standard input.
type typist struct {
	given    []string
	in       *bufio.Reader
	isPerson bool // at the other end of in
	out      io.Writer
}

// answer shows a prompt and returns what is typed.
func (t *typist) answer(ctx context.Context, prompt string) (string, error) {
	fmt.Fprintln(t.out)
	for line := range strings.Lines(prompt) {
		fmt.Fprintf(t.out, "    %s\n", strings.TrimRight(printable(line), " "))
	}
	fmt.Fprintln(t.out)
	if len(t.given) > 0 {
		text := t.given[0]
		t.given = t.given[1:]
		return text, nil
	}
	if t.isPerson {
		fmt.Fprint(t.out, "Answer: ")
	}
	text, err := readLine(ctx, t.in)
	if errors.Is(err, io.EOF) {
		return "", errors.New("the server asks and there is no answer: use --answer, or type it")
	}
	return text, err
}

// readLine returns a line without its end. If ctx ends, from is not to be read any more.
func readLine(ctx context.Context, from *bufio.Reader) (string, error) {
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		line, err := from.ReadString('\n')
		if line != "" {
			err = nil // the last one may lack its end
		}
		done <- read{strings.TrimRight(line, "\r\n"), err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// printRounds prints how a login went: what the last reply was, and all of them.
func printRounds(c *cobra.Command, replies []nasReply) error {
	type round struct {
		Reply   string  `json:"reply"`
		Message string  `json:"message"`
		Resent  int     `json:"resent"`
		Took    float64 `json:"took_seconds"`
	}
	var rounds []round
	for _, r := range replies {
		rounds = append(rounds, round{r.Code.String(), r.message(), r.Resent, r.Took.Seconds()})
	}
	return printJSON(c, struct {
		round
		Rounds []round `json:"rounds"`
	}{rounds[len(rounds)-1], rounds})
}
