// Command demo-push shows what push services receive of a login, and what they cannot read.
//
// It needs no network and no account: stand-ins for APNs, for FCM with Google's OAuth server
// and for a browser's push service run beside a whole radpush, all on the loopback interface
// and over real TLS. Three devices enrol by the device API, one for each service, and then a
// VPN server sends logins. Each line of what is shown was sent and received; what does not
// arrive as it should ends the program with exit code 1.
//
// The stand-ins are no part of the program radpush: they are here and in tests alone.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"time"
)

// patience is how long all of it may take; it takes a second or two.
const patience = 2 * time.Minute

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "demo-push shows what push services receive of a login. It takes no arguments.")
	}
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "demo-push: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir, err := os.MkdirTemp("", "radpush-demo-push-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	log := new(bytes.Buffer) // read when nothing runs any more
	defer func() {
		if err != nil {
			fmt.Fprintf(out, "\nThe server's log:\n%s", log)
		}
	}()
	services, err := startServices()
	if err != nil {
		return err
	}
	defer services.close()
	ringers, err := services.ringers()
	if err != nil {
		return err
	}
	server, err := startServer(dir, ringers, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		return err
	}
	d := demo{teller: teller{out: out, start: time.Now()}, server: server, services: services}
	err = d.story(ctx)
	return errors.Join(err, server.stop())
}
