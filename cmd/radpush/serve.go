package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"radpush/dictionary"
	"radpush/geoip"
	"radpush/radius"
	"radpush/radius/access"
	"radpush/web"
)

func newServeCommand(file *configFile) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Serve runs the server until SIGTERM or SIGINT. Then it reads no more requests, answers
what it can in a few seconds and ends. Logins that are still held are not rejected: the
server that starts next finds them again when the NAS retransmits.

The configuration is read once: restart the server after a change. The files of the
certificate are read again when they change.`,
		Example: "  radpush config check && radpush serve",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := file.Load()
			if err != nil {
				return err
			}
			log := cfg.Log.logger(c.ErrOrStderr())
			for _, w := range cfg.Warnings {
				log.Warn("configuration: "+w.Message, "key", w.Path)
			}
			return serve(c.Context(), cfg, log, func() {
				log.Info("radpush is ready", "listen", cfg.Listen, "accounting", cfg.Accounting, "web", cfg.Web.URL)
			})
		},
	}
}

// logger returns the log that the configuration asks for.
func (l Log) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo // the configuration's check lets nothing else through
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// serve runs the server that a configuration describes until ctx ends or a part of it
// fails. Ready is called when all of it listens.
func serve(ctx context.Context, cfg *Config, log *slog.Logger, ready func()) error {
	core, err := openCore(cfg, log)
	if err != nil {
		return err
	}
	defer core.close(log)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	server, err := core.radius(cfg, registry, log)
	if err != nil {
		return err
	}
	devices, err := core.devices(cfg, log)
	if err != nil {
		return err
	}
	operator := core.operator(cfg, devices.Certificate, log)
	var places *geoip.Database
	if cfg.GeoIP != "" {
		if places, err = geoip.Open(string(cfg.GeoIP), log); err != nil {
			return err
		}
		core.engine.Place = places.Place
	}
	l, err := listen(ctx, cfg)
	if err != nil {
		return err
	}

	// Two groups, one after the other: while the logins drain, devices may still answer.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	after, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	logins, ctx := errgroup.WithContext(ctx)
	rest, after := errgroup.WithContext(after)
	context.AfterFunc(after, cancel) // a part that fails ends all
	for _, conn := range l.logins {
		logins.Go(func() error { return server.Serve(ctx, conn) })
	}
	for _, conn := range l.accounting {
		logins.Go(func() error { return server.ServeAccounting(ctx, conn) })
	}
	rest.Go(func() error { return devices.Serve(after, l.web) })
	rest.Go(func() error { return operator.Serve(after, l.operators) })
	rest.Go(func() error { return core.engine.Activity.Serve(after) })
	rest.Go(func() error { return core.prune(after, cfg.Keep.Duration(), log) })
	if core.post != nil {
		rest.Go(func() error { return core.post.outbox.Serve(after) })
	}
	if places != nil {
		rest.Go(func() error { return places.Serve(after) })
	}
	if l.metrics != nil {
		rest.Go(func() error { return serveMetrics(after, l.metrics, registry) })
	}
	ready()
	notify(log, daemon.SdNotifyReady)
	context.AfterFunc(ctx, func() { notify(log, daemon.SdNotifyStopping) })

	err = logins.Wait()
	end()
	return errors.Join(err, rest.Wait())
}

// notify tells systemd, if it asked to be told.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd", "err", err)
	}
}

// radius returns the RADIUS server, its handler wired to the engine.
func (c *core) radius(cfg *Config, registry prometheus.Registerer, log *slog.Logger) (*radius.Server, error) {
	clients, err := cfg.radiusClients()
	if err != nil {
		return nil, err
	}
	reply := make(map[string][]dictionary.Value)
	for _, client := range cfg.Clients {
		reply[client.Name] = client.reply
	}
	delay := cfg.RejectDelay.Duration()
	if delay == 0 {
		delay = -1 // none, as the configuration says it
	}
	return &radius.Server{
		Handler:     &access.Handler{Engine: c.engine, Clients: c.engine.Clients, Activity: c.engine.Activity, Reply: reply, Log: log},
		Clients:     clients,
		Log:         log,
		Metrics:     radius.NewMetrics(registry),
		Ready:       c.ready,
		MaxInFlight: cfg.MaxInFlight,
		Prefer:      access.IsAnswer,
		RejectDelay: delay,
	}, nil
}

// radiusClients returns the clients by their networks.
func (c *Config) radiusClients() (*radius.ClientList, error) {
	var clients []radius.Client
	for _, client := range c.Clients {
		clients = append(clients, client.RADIUS()...)
	}
	return radius.NewClients(clients)
}

// devices returns the HTTPS server that devices connect to.
func (c *core) devices(cfg *Config, log *slog.Logger) (*web.Server, error) {
	certificate, err := cfg.certificate(log)
	if err != nil {
		return nil, err
	}
	return &web.Server{
		Engine: c.engine, Push: c.broker, Grids: c.engine, URL: cfg.Web.URL, Pin: cfg.Web.pin(certificate), Organization: cfg.Organization,
		DevicePIN: cfg.Push.DevicePIN, VAPID: c.vapid, Log: log, Certificate: certificate,
		Health: func(ctx context.Context) error {
			if !c.ready(ctx) {
				return errNotReady
			}
			return nil
		},
	}, nil
}

// certificate returns what the configuration names, or radpush's own, which it makes if need
// be; nil where a reverse proxy has it.
func (c *Config) certificate(log *slog.Logger) (*web.Certificate, error) {
	if c.Web.Proxy {
		return nil, nil
	}
	u, err := url.Parse(c.Web.URL)
	if err != nil {
		return nil, fmt.Errorf("web.url: %w", err)
	}
	if c.Web.ACME != "" {
		a := web.ACME{Host: u.Hostname(), Email: c.Web.ACME, Directory: c.Web.ACMEDirectory, Dir: string(c.State)}
		return a.Certificate(log), nil
	}
	if c.Web.Certificate != "" {
		return web.LoadCertificate(string(c.Web.Certificate), string(c.Web.Key), log)
	}
	return web.OwnCertificate(string(c.State), []string{u.Hostname()}, log)
}

// listeners is everything that the server listens on.
type listeners struct {
	logins, accounting []net.PacketConn
	web, operators     net.Listener
	metrics            net.Listener // nil for none
}

// listen opens all of them, or none.
func listen(ctx context.Context, cfg *Config) (l listeners, err error) {
	var open []io.Closer
	defer func() {
		if err != nil {
			for _, c := range open {
				c.Close()
			}
			err = fmt.Errorf("listen: %w", err)
		}
	}()
	udp := func(addresses []string) (conns []net.PacketConn, err error) {
		for _, address := range addresses {
			conn, err := net.ListenPacket("udp", address)
			if err != nil {
				return nil, err
			}
			open, conns = append(open, conn), append(conns, conn)
		}
		return conns, nil
	}
	tcp := func(address string) (net.Listener, error) {
		ln, err := net.Listen("tcp", address)
		if err == nil {
			open = append(open, ln)
		}
		return ln, err
	}
	if l.logins, err = udp(cfg.Listen); err != nil {
		return l, err
	}
	if l.accounting, err = udp(cfg.Accounting); err != nil {
		return l, err
	}
	if l.web, err = tcp(cfg.Web.Listen); err != nil {
		return l, err
	}
	if cfg.Metrics != "" {
		if l.metrics, err = tcp(cfg.Metrics); err != nil {
			return l, err
		}
	}
	l.operators, err = web.ListenSocket(ctx, string(cfg.Socket))
	return l, err
}

func serveMetrics(ctx context.Context, ln net.Listener, registry *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	srv := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}
