package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"radpush/login"
	"radpush/otp"
	"radpush/otp/email"
	"radpush/password"
	"radpush/push"
	"radpush/store"
	"radpush/store/bolt"
)

// A core is the login engine with all that it stands on. The server runs one; a command
// opens one for a moment when no server runs.
type core struct {
	ballast []byte
	db      *bolt.DB
	broker  *push.Broker
	engine  *login.Engine
	post    *post // nil without a mail server
	bells   *bells
	vapid   string // public key of Web Push, "" without
}

// ballast is allocated and never touched, so that it takes no memory; in octets. It counts
// for the garbage collector, which runs when the heap has doubled: the heap of a server
// that has little to keep would double, under load, a dozen times a second.
const ballast = 64 << 20

// openCore opens the store and builds the engine on it. Bolt.ErrLocked says that another
// process has the store open.
func openCore(cfg *Config, log *slog.Logger) (*core, error) {
	key := filepath.Join(string(cfg.State), "master.key")
	db, sealer, err := openStore(string(cfg.State), key, log)
	if err != nil {
		return nil, err
	}
	users := store.Table[login.User]{Backend: db, Prefix: "user", Sealer: sealer}
	if err := opens(users); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is not the key of this store: put your copy of it back: %w", key, err), db.Close())
	}
	broker := &push.Broker{
		Devices:    store.Table[push.Device]{Backend: db, Prefix: "device", Sealer: sealer},
		Challenges: store.Table[push.Challenge]{Backend: db, Prefix: "challenge", Sealer: sealer},
		Recent:     store.Table[push.Recent]{Backend: db, Prefix: "recent", Sealer: sealer},
		Enrolments: store.Table[push.Enrolment]{Backend: db, Prefix: "enrolment", Sealer: sealer},
		Pairings:   store.Table[push.Pairing]{Backend: db, Prefix: "pairing", Sealer: sealer},
		Limits:     cfg.Push.Limits(),
		Log:        log,
	}
	clients := make(map[string]login.Client, len(cfg.Clients))
	for _, c := range cfg.Clients {
		clients[c.Name] = c.Login()
	}
	c := &core{ballast: make([]byte, ballast), db: db, broker: broker, engine: &login.Engine{
		Users:        users,
		Stock:        &login.Stock{Tokens: store.Table[login.StockToken]{Backend: db, Prefix: "stock", Sealer: sealer}},
		Activity:     &login.Journal{Rows: store.Table[login.Row]{Backend: db, Prefix: "activity"}},
		Push:         broker,
		Devices:      broker,
		Clients:      clients,
		Lockout:      cfg.Lockout.Policy(),
		Window:       otp.Window{Behind: cfg.OTP.Behind, Ahead: cfg.OTP.Ahead, LookAhead: cfg.OTP.LookAhead, Outer: cfg.OTP.Outer},
		Hasher:       &password.Hasher{},
		Codes:        cfg.Codes.Policy(),
		Sent:         store.Table[login.Tally]{Backend: db, Prefix: "sent", Sealer: sealer},
		Alerts:       cfg.Alerts.Policy(),
		Organization: cfg.Organization,
		SelfService:  cfg.Push.SelfService,
		Log:          log,
	}}
	c.engine.Lessons = store.Table[login.Lesson]{Backend: db, Prefix: "lesson", Sealer: sealer}
	if cfg.Grid.Link {
		c.engine.URL = cfg.Web.URL
		c.engine.Pictures = store.Table[login.Picture]{Backend: db, Prefix: "picture", Sealer: sealer}
	}
	c.broker.Ringers, c.vapid, err = cfg.ringers()
	err = errors.Join(err, c.carriers(cfg, sealer, log))
	if err == nil {
		c.bells, err = c.newBells(cfg)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	c.broker.Bells = c.bells
	return c, nil
}

// carriers gives the engine what takes codes and letters to users.
func (c *core) carriers(cfg *Config, sealer *store.Sealer, log *slog.Logger) error {
	sender, err := cfg.Email.sender()
	if err != nil {
		return fmt.Errorf("email: %w", err)
	}
	switch carrier, err := cfg.SMS.carrier(sender); {
	case err != nil:
		return fmt.Errorf("sms: %w", err)
	case carrier != nil:
		c.engine.SMS = carrier
	}
	if sender == nil {
		return nil
	}
	letters, err := email.LoadTemplates(string(cfg.Email.Templates))
	if err != nil {
		return err
	}
	outbox := &email.Outbox{Letters: store.Table[email.Letter]{Backend: c.db, Prefix: "letter", Sealer: sealer}, Send: sender.Send, Log: log, PerHour: 30}
	c.post = &post{organization: cfg.Organization, letters: letters, sender: sender, outbox: outbox}
	c.engine.Post = c.post
	return nil
}

// opens returns an error if there are users and the key opens the record of none. With a
// wrong key nobody could log in, and what is written could not be read with the right one.
func opens(users store.Table[login.User]) (err error) {
	for _, err = range users.All(context.Background(), "") {
		if err == nil || !errors.Is(err, store.ErrSealed) {
			return nil
		}
	}
	return err
}

// openStore opens the database and its master key in the state directory, all of which it
// makes if there is nothing yet. One without the other is an error: a store without its
// key is of no use, and no new key opens an old store.
func openStore(state, key string, log *slog.Logger) (*bolt.DB, *store.Sealer, error) {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, nil, fmt.Errorf("state directory: %w", err)
	}
	if info, err := os.Stat(state); err != nil {
		return nil, nil, fmt.Errorf("state directory: %w", err)
	} else if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return nil, nil, fmt.Errorf("state directory: %s has mode %o, others can put a store of theirs there: chmod 700 it", state, mode)
	}
	file := filepath.Join(state, "radpush.db")
	info, err := os.Stat(file)
	isNew := errors.Is(err, fs.ErrNotExist)
	sealer, err := store.MasterKey(key, isNew)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%w: put your copy of it back, without it the store cannot be read", err)
	case err != nil:
		return nil, nil, err
	case !isNew && info.Size() == 0:
		return nil, nil, fmt.Errorf("%s is empty: put a backup back, or remove it to begin a new store", file)
	}
	if info, err := os.Stat(key); err == nil && info.Mode()&0o077 != 0 {
		log.Warn("others can read the master key: chmod 600 it", "file", key)
	}
	db, err := bolt.Open(file)
	return db, sealer, err
}

// close ends what the core has running.
func (c *core) close(log *slog.Logger) {
	c.broker.Close()
	if err := c.db.Close(); err != nil {
		log.Error("close store", "err", err)
	}
}

var errNotReady = errors.New("the store cannot be written")

// ready reports whether logins can be accepted: whether the store can be written. After a
// write has failed the store tries by itself whether there is room again, and not only
// for a small value, which a full disk may well have room for.
func (c *core) ready(context.Context) bool { return c.db.Err() == nil }

// prune removes what is older than keep, now and once a day, until ctx ends.
func (c *core) prune(ctx context.Context, keep time.Duration, log *slog.Logger) error {
	for {
		before := time.Now().Add(-keep)
		rows, err := c.engine.Activity.Prune(ctx, before)
		challenges, perr := c.broker.Prune(ctx, before)
		_, gerr := c.engine.PruneGrids(ctx, time.Now())
		if err := errors.Join(err, perr, gerr); err != nil && ctx.Err() == nil {
			log.Error("prune", "err", err)
		} else if rows+challenges > 0 {
			log.Info("pruned", "rows", rows, "challenges", challenges, "before", before)
		}
		select {
		case <-time.After(24 * time.Hour):
		case <-ctx.Done():
			return nil
		}
	}
}
