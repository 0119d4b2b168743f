package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"radpush/store/bolt"
	"radpush/web"
	"radpush/web/wire"
)

// operator returns the operator API on this core. The certificate is what devices see.
func (c *core) operator(cfg *Config, certificate *web.Certificate, log *slog.Logger) *web.Operator {
	o := &web.Operator{
		People: c.engine, Users: c.engine.Users, Devices: c.broker, Journal: c.engine.Activity, Bells: c.bells,
		Organization: cfg.Organization, URL: cfg.Web.URL, DevicePIN: cfg.Push.DevicePIN, Log: log,
	}
	o.Pin = cfg.Web.pin(certificate)
	if c.post != nil {
		o.Invite = c.post.invite
	}
	return o
}

// pin returns the pin of a certificate of radpush's own making, nil for any other: enrolment links
// carry it.
func (w Web) pin(certificate *web.Certificate) []byte {
	if w.Certificate != "" || w.ACME != "" || w.Proxy {
		return nil
	}
	return certificate.Pin()
}

// openOperator returns the operator API of the running server, over its socket, or, when
// none runs, on the store itself. Done releases it.
func openOperator(cfg *Config) (client *web.OperatorClient, done func(), err error) {
	conn, err := net.Dial("unix", string(cfg.Socket))
	switch {
	case err == nil:
		conn.Close()
		return &web.OperatorClient{Transport: web.OverSocket(string(cfg.Socket))}, func() {}, nil
	case errors.Is(err, syscall.EACCES):
		return nil, nil, fmt.Errorf("%w: only root and the server's own user are operators", err)
	}
	if err := checkOwner(string(cfg.State)); err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.DiscardHandler)
	core, err := openCore(cfg, log)
	if errors.Is(err, bolt.ErrLocked) {
		return nil, nil, fmt.Errorf("a server has the store open and does not answer on %s: %w", cfg.Socket, err)
	}
	if err != nil {
		return nil, nil, err
	}
	certificate, err := cfg.certificate(log)
	if err != nil {
		core.close(log)
		return nil, nil, err
	}
	transport := web.InProcess(core.operator(cfg, certificate, log).Handler())
	return &web.OperatorClient{Transport: transport}, func() { core.close(log) }, nil
}

// checkOwner keeps root from making files in the state directory that the server, which runs
// as its owner, could not open.
func checkOwner(state string) error {
	info, err := os.Stat(state)
	if err != nil {
		return nil // openCore makes it, or says why not
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Getuid() != 0 || owner.Uid == 0 {
		return nil
	}
	name := fmt.Sprintf("'#%d'", owner.Uid)
	if u, err := user.LookupId(strconv.Itoa(int(owner.Uid))); err == nil {
		name = u.Username
	}
	return fmt.Errorf("no server runs, and %s is not root's: start the server, or run the command as its owner: sudo -u %s radpush …", state, name)
}

// operate makes a command's function of one that uses the operator API.
func operate(file *configFile, run func(c *cobra.Command, args []string, o *web.OperatorClient) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		cfg, err := file.Load()
		if found, ok := errors.AsType[*ConfigError](err); ok && listens(found.Socket) {
			// At 3 a.m. somebody has to be unlocked, and a half-finished change is in the file.
			fmt.Fprintf(c.ErrOrStderr(), "radpush: %s; the running server has read it before that\n", found.summary())
			cfg, err = &Config{Socket: found.Socket}, nil
		}
		if err != nil {
			return err
		}
		o, done, err := openOperator(cfg)
		if err != nil {
			return err
		}
		defer done()
		return asTyped(c, run(c, args, o))
	}
}

// listens reports whether a server answers on a socket.
func listens(socket Path) bool {
	if socket == "" {
		return false
	}
	conn, err := net.Dial("unix", string(socket))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// asTyped says of the fields of a request that the API refuses which flags they came from.
func asTyped(c *cobra.Command, err error) error {
	p, ok := errors.AsType[*wire.Problem](err)
	if !ok || len(p.Errors) == 0 {
		return err
	}
	said := make([]string, len(p.Errors))
	for i, e := range p.Errors {
		name := strings.TrimPrefix(e.Location, "body.")
		if f := c.Flags().Lookup(name); f != nil {
			name = "--" + name
			if f.Value.Type() == "duration" {
				name += ", in seconds"
			}
		}
		said[i] = name + ": " + e.Message
	}
	return errors.New(strings.Join(said, "; "))
}

// jsonFlag adds --json to a command.
func jsonFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("json", false, "print JSON")
}

func printJSON(c *cobra.Command, v any) error {
	e := json.NewEncoder(c.OutOrStdout())
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// completeUsers completes the name of a user.
func completeUsers(file *configFile) cobra.CompletionFunc {
	return completeFirst(file, func(ctx context.Context, o *web.OperatorClient) (names []string, err error) {
		users, err := o.ListUsers(ctx)
		for _, u := range users {
			names = append(names, u.Name)
		}
		return names, err
	})
}

// completeFirst completes the first argument from what the running server, or the store,
// lists.
func completeFirst(file *configFile, list func(context.Context, *web.OperatorClient) ([]string, error)) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) (words []string, _ cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		_ = operate(file, func(c *cobra.Command, _ []string, o *web.OperatorClient) (err error) {
			words, err = list(c.Context(), o)
			return err
		})(c, args) // without an answer there is nothing to complete
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
