package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"radpush/login"
	"radpush/otp/email"
	"radpush/push"
	"radpush/push/ntfy"
)

// bells are those of the users. It is a push.Bells and a web.Bells.
type bells struct {
	users login.Records[login.User]
	ntfy  *ntfy.Publisher // nil: there is no server
	mail  *post           // nil: letters are no bells
	page  string          // URL of the authenticator page
}

// newBells returns the bells that the configuration allows.
func (c *core) newBells(cfg *Config) (*bells, error) {
	page, err := url.JoinPath(cfg.Web.URL, "app/")
	if err != nil {
		return nil, fmt.Errorf("web.url: %w", err)
	}
	b := &bells{users: c.engine.Users, page: page}
	if b.ntfy, err = cfg.Bells.Ntfy.publisher(cfg.Organization, page); err != nil {
		return nil, fmt.Errorf("bells.ntfy: %w", err)
	}
	if c.post != nil && cfg.Bells.Email {
		mail := *c.post
		// With conversations of its own, however many bells ring, codes do not wait.
		mail.sender, err = cfg.Email.sender()
		b.mail = &mail
	}
	return b, err
}

// Bell implements push.Bells.
func (b *bells) Bell(ctx context.Context, user string) (push.Bell, error) {
	u, err := b.users.Get(ctx, user)
	if err != nil {
		return nil, err
	}
	return b.of(u)
}

// of returns the bell of a user, nil for none.
func (b *bells) of(u login.User) (push.Bell, error) {
	if u.Bell == (login.Bell{}) {
		return nil, nil
	}
	if err := b.check(u.Bell); err != nil {
		return nil, err
	}
	if u.Bell.Kind == login.BellEmail {
		return mailBell{b.mail, u.Email, b.page}, nil
	}
	return b.ntfy.Bell(u.Bell.Topic), nil
}

// check returns a login.Refusal of a bell that cannot ring.
func (b *bells) check(bell login.Bell) error {
	switch bell.Kind {
	case login.BellNtfy:
		if b.ntfy == nil {
			return login.Refusal("there is no ntfy server: the configuration's bells.ntfy.url names one")
		}
		if err := ntfy.CheckTopic(bell.Topic); err != nil {
			return login.Refusal(err.Error())
		}
	case login.BellEmail:
		if b.mail == nil {
			return login.Refusal("letters are no bells here: the configuration's bells.email makes them so")
		}
		if bell.Topic != "" {
			return login.Refusal("a bell by e-mail has no topic: it goes to the user's address")
		}
	default:
		return login.Refusal("a bell is ntfy or email")
	}
	return nil
}

// NewBell implements web.Bells.
func (b *bells) NewBell(kind login.BellKind, topic string) (login.Bell, error) {
	if kind == login.BellNtfy && topic == "" {
		topic = ntfy.NewTopic()
	}
	bell := login.Bell{Kind: kind, Topic: topic}
	return bell, b.check(bell)
}

// Subscription implements web.Bells.
func (b *bells) Subscription(bell login.Bell) (web, app string) {
	if bell.Kind != login.BellNtfy {
		return "", ""
	}
	return b.ntfy.Web(bell.Topic), b.ntfy.App(bell.Topic)
}

// ringNow is how long a bell may take that an operator rings.
const ringNow = 20 * time.Second

// RingNow implements web.Bells.
func (b *bells) RingNow(ctx context.Context, u login.User, page bool) (by string, err error) {
	bell, err := b.of(u)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, ringNow)
	defer cancel()
	if by = "the mail server"; u.Bell.Kind == login.BellNtfy {
		by = b.ntfy.URL
	}
	return by, bell.Ring(ctx, push.Challenge{ID: "test"}, page)
}

// A mailBell is a letter. It is a push.Bell.
type mailBell struct {
	post *post
	to   string
	page string
}

// Ring implements push.Bell.
func (m mailBell) Ring(ctx context.Context, _ push.Challenge, page bool) error {
	data := email.Bell{Organization: m.post.organization}
	if page {
		data.Link = m.page
	}
	letter, err := m.post.letters.Render(email.KindBell, m.to, data)
	if err != nil {
		return err
	}
	return m.post.sender.Send(ctx, letter)
}

// Withdraw implements push.Bell: a letter stays where it is.
func (mailBell) Withdraw(context.Context, push.Challenge) error { return nil }
