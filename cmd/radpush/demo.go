package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	wire "layeh.com/radius"

	"radpush/dictionary"
	"radpush/login"
	"radpush/push"
	"radpush/radius"
	"radpush/web/phone"
)

func newDemoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "See it work, without any setup",
		Long: `Demo starts a server on a temporary state directory, adds a user, enrols this terminal
as her phone and sends three logins as a VPN server would: one is approved, one is denied,
one is not answered. On a terminal you are asked what to say; elsewhere it runs by itself.
Nothing listens beyond this machine, and nothing is left behind.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d := demo{out: c.OutOrStdout(), person: personAt(c), start: time.Now()}
			return d.run(c.Context())
		},
	}
}

// A demo is one run of the demonstration.
type demo struct {
	out    io.Writer
	person *bufio.Reader // who is asked; nil: nobody
	start  time.Time

	nas   nas
	phone *phone.Phone
}

// hold is short, so that the login that nobody answers is soon over, and long enough for a
// person to read.
func (d *demo) hold() time.Duration {
	if d.person != nil {
		return 20 * time.Second
	}
	return 8 * time.Second
}

func (d *demo) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "radpush-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cfg, err := d.config(dir)
	if err != nil {
		return err
	}
	logFile, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer logFile.Close()

	ctx, stop := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- serve(ctx, cfg, slog.New(slog.NewTextHandler(logFile, nil)), func() { close(ready) })
	}()
	defer func() {
		interrupted := ctx.Err() != nil
		stop()
		err = errors.Join(err, <-ended)
		if err != nil && !interrupted {
			log, _ := os.ReadFile(logFile.Name())
			fmt.Fprintf(d.out, "\nThe server's log:\n%s", log)
		}
	}()
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		return err
	}
	d.say("A server runs: RADIUS at %s, devices at %s, state in %s.", cfg.Listen[0], cfg.Web.URL, dir)
	if err := d.enrol(ctx, cfg); err != nil {
		return err
	}
	for _, step := range []struct {
		title, station string
		choice         push.Outcome
	}{
		{"A login, and alice approves", "198.51.100.7", push.Approved},
		{"A login that alice did not start: she denies it", "203.0.113.66", push.DeniedNotMe},
		{"A login that nobody answers", "198.51.100.8", push.Open},
	} {
		if err := d.login(ctx, step.title, step.station, step.choice); err != nil {
			return err
		}
	}
	return d.activity(ctx, cfg)
}

// config is a server on this machine only, with a secret that lives as long as the demo.
func (d *demo) config(dir string) (*Config, error) {
	udp, err := freePort("udp")
	if err != nil {
		return nil, err
	}
	tcp, err := freePort("tcp")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "radpush.yaml")
	secret := rand.Text()
	yaml := fmt.Sprintf(`organization: Example Ltd
state: %q
listen: ["127.0.0.1:%d"]
accounting: []
web: { listen: "127.0.0.1:%d", url: "https://localhost:%d" }
push: { hold: %v }
clients:
  - { name: demo-vpn, address: 127.0.0.1, secret: %q, resource: "Example VPN" }
`, filepath.Join(dir, "state"), udp, tcp, tcp, d.hold(), secret)
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		return nil, err
	}
	cfg, err := LoadConfig(file)
	if err != nil {
		return nil, err
	}
	names, err := dictionary.Load()
	if err != nil {
		return nil, err
	}
	d.nas = nas{server: cfg.Listen[0], secret: radius.Secret(secret), wait: 3 * time.Second, tries: 10, show: d.below(), names: names}
	return cfg, nil
}

// freePort returns a port of the loopback interface that nobody listens on.
func freePort(network string) (uint16, error) {
	if network == "udp" {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		return netip.MustParseAddrPort(conn.LocalAddr().String()).Port(), nil
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return netip.MustParseAddrPort(ln.Addr().String()).Port(), nil
}

// enrol adds alice, as "radpush user add" and "radpush enrol" do, and makes this program her
// phone, as "radpush phone enrol" does.
func (d *demo) enrol(ctx context.Context, cfg *Config) error {
	operator, done, err := openOperator(cfg)
	if err != nil {
		return err
	}
	defer done()
	if _, err := operator.AddUser(ctx, "alice"); err != nil {
		return err
	}
	code, err := operator.Enrol(ctx, "alice", time.Hour)
	if err != nil {
		return err
	}
	if d.phone, err = phone.Enrol(ctx, code.Link, "alice's terminal"); err != nil {
		return err
	}
	d.say("alice is a user, and this terminal is her phone: it made a key of its own and enrolled with a code.")
	return nil
}

// login walks one login through.
func (d *demo) login(ctx context.Context, title, station string, choice push.Outcome) error {
	fmt.Fprintln(d.out)
	d.say("%s.", title)
	type ended struct {
		reply nasReply
		err   error
	}
	verdict := make(chan ended, 1)
	sent := time.Now()
	go func() {
		reply, err := d.nas.login(ctx, nasLogin{User: "alice", Protocol: "pap", Station: station, NAS: "demo-gateway"})
		verdict <- ended{reply, err}
	}()
	waiting, cancel := context.WithTimeout(ctx, d.hold())
	defer cancel()
	request, err := d.phone.Wait(waiting)
	if err != nil {
		return fmt.Errorf("the phone was not asked: %w", err)
	}
	d.say("The Access-Request is held. The phone shows it after %v:", time.Since(sent).Round(time.Millisecond))
	showRequest(d.below(), request)
	if d.person != nil {
		choice = askPerson(ctx, d.below(), d.person, nil).Outcome
	} else {
		time.Sleep(time.Second) // a quick thumb
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	d.say("%s", map[push.Outcome]string{
		push.Approved:      "APPROVE. The phone sends a one-time password and a signature over exactly what it showed.",
		push.DeniedNotMe:   "DENY, it wasn't me. The phone signs that.",
		push.DeniedMistake: "DENY, a mistake. The phone signs that.",
		push.Open:          "Nobody answers.",
	}[choice])
	answered := time.Now()
	switch err := answer(ctx, io.Discard, d.phone, request, decision{Outcome: choice}); {
	case errors.Is(err, errTooLate):
		d.say("That was too late.")
		choice = push.Open
	case err != nil:
		return err
	}
	e := <-verdict
	if e.err != nil {
		return e.err
	}
	since := fmt.Sprintf("%v after the answer", time.Since(answered).Round(time.Millisecond))
	if choice == push.Open {
		since = fmt.Sprintf("when the hold of %v was over", d.hold())
	}
	d.say("%v, %s.", e.reply.Code, since)
	want := wire.CodeAccessReject
	if choice == push.Approved {
		want = wire.CodeAccessAccept
	}
	if e.reply.Code != want {
		return fmt.Errorf("the answer was %v and the verdict %v", choice, e.reply.Code)
	}
	return nil
}

// activity shows what the server has written down.
func (d *demo) activity(ctx context.Context, cfg *Config) error {
	fmt.Fprintln(d.out)
	d.say("What the server has written down, as \"radpush activity\" shows it:")
	operator, done, err := openOperator(cfg)
	if err != nil {
		return err
	}
	defer done()
	rows, err := operator.ListActivity(ctx, login.Filter{})
	if err != nil {
		return err
	}
	slices.Reverse(rows)
	return showActivity(d.below(), rows)
}

// say tells what happens, with the time since the start.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "%8.3fs  %s\n", time.Since(d.start).Seconds(), fmt.Sprintf(format, args...))
}

// indented writes each line under what say says.
type indented struct {
	w    io.Writer
	line *bool // whether a line has begun
}

func (d *demo) below() indented { return indented{d.out, new(bool)} }

func (i indented) Write(b []byte) (int, error) {
	for part := range strings.Lines(string(b)) {
		if !*i.line {
			part = "           " + part
		}
		*i.line = !strings.HasSuffix(part, "\n")
		if _, err := io.WriteString(i.w, part); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
