package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"radpush/login"
	"radpush/otp"
	"radpush/password"
	"radpush/push"
	"radpush/radius"
	"radpush/radius/access"
	"radpush/store"
	"radpush/store/bolt"
	"radpush/web"
)

const (
	hold         = 30 * time.Second
	organization = "Example Ltd"
)

// A server is a whole radpush on this machine.
type server struct {
	radius string // address of RADIUS
	url    string // of the device API
	pin    []byte // of its certificate
	broker *push.Broker
	engine *login.Engine

	secret radius.Secret
	stop   func() error
}

// startServer serves until stop is called. After an error the program ends, and with it what
// has been opened.
func startServer(dir string, ringers map[string]push.Ringer, log *slog.Logger) (*server, error) {
	sealer, err := store.MasterKey(filepath.Join(dir, "master.key"), true)
	if err != nil {
		return nil, err
	}
	certificate, err := web.OwnCertificate(dir, []string{"127.0.0.1"}, log)
	if err != nil {
		return nil, err
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	db, err := bolt.Open(filepath.Join(dir, "radpush.db"))
	if err != nil {
		return nil, err
	}
	s := &server{radius: udp.LocalAddr().String(), url: "https://" + tcp.Addr().String(), pin: certificate.Pin(), secret: radius.Secret(rand.Text())}
	s.build(db, sealer, ringers, log)
	clients, err := radius.NewClients([]radius.Client{{Name: "demo-vpn", Prefix: netip.MustParsePrefix("127.0.0.1/32"), Secret: s.secret}})
	if err != nil {
		return nil, err
	}
	handler := &access.Handler{Engine: s.engine, Clients: s.engine.Clients, Activity: s.engine.Activity, Log: log}
	logins := &radius.Server{Handler: handler, Clients: clients, Log: log}
	devices := &web.Server{Engine: s.engine, Push: s.broker, URL: s.url, Organization: organization, Certificate: certificate, Log: log}
	ctx, cancel := context.WithCancel(context.Background())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return logins.Serve(ctx, udp) })
	group.Go(func() error { return devices.Serve(ctx, tcp) })
	group.Go(func() error { return s.engine.Activity.Serve(ctx) })
	s.stop = func() error {
		cancel()
		err := group.Wait()
		s.broker.Close()
		return errors.Join(err, db.Close())
	}
	return s, nil
}

// build makes broker and engine on a store.
func (s *server) build(db store.Backend, sealer *store.Sealer, ringers map[string]push.Ringer, log *slog.Logger) {
	s.broker = &push.Broker{
		Devices:    store.Table[push.Device]{Backend: db, Prefix: "device", Sealer: sealer},
		Challenges: store.Table[push.Challenge]{Backend: db, Prefix: "challenge", Sealer: sealer},
		Recent:     store.Table[push.Recent]{Backend: db, Prefix: "recent", Sealer: sealer},
		Enrolments: store.Table[push.Enrolment]{Backend: db, Prefix: "enrolment", Sealer: sealer},
		Ringers:    ringers,
		Log:        log,
	}
	s.engine = &login.Engine{
		Users:        store.Table[login.User]{Backend: db, Prefix: "user", Sealer: sealer},
		Stock:        &login.Stock{Tokens: store.Table[login.StockToken]{Backend: db, Prefix: "stock", Sealer: sealer}},
		Activity:     &login.Journal{Rows: store.Table[login.Row]{Backend: db, Prefix: "activity"}},
		Push:         s.broker,
		Devices:      s.broker,
		Clients:      map[string]login.Client{"demo-vpn": {Name: "demo-vpn", Resource: "Example VPN", Hold: hold}},
		Window:       otp.Window{Behind: 1, Ahead: 1, Outer: 40},
		Hasher:       &password.Hasher{},
		Organization: organization,
		Log:          log,
	}
}

// A reply is how a login ended.
type reply struct {
	*layeh.Packet
	err error
}

// login sends an Access-Request as a VPN server does, with an empty password (PAP).
func (s *server) login(ctx context.Context, station string) <-chan reply {
	ended := make(chan reply, 1)
	go func() {
		conn, err := (&net.Dialer{}).DialContext(ctx, "udp", s.radius)
		if err != nil {
			ended <- reply{err: err}
			return
		}
		defer conn.Close()
		request := layeh.New(layeh.CodeAccessRequest, s.secret)
		err = errors.Join(
			rfc2865.UserName_SetString(request, "alice"),
			rfc2865.UserPassword_SetString(request, ""),
			rfc2865.CallingStationID_SetString(request, station),
		)
		if err != nil {
			ended <- reply{err: err}
			return
		}
		packet, _, err := radius.Exchange(ctx, conn, request, 2*hold)
		ended <- reply{packet, err}
	}()
	return ended
}
