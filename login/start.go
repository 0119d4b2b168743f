package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"radpush/otp"
	"radpush/otp/grid"
)

// start asks the user to type something: it opens a round, sends the code if there is one
// to send, and prompts. What the same login has begun a moment ago it only prompts for
// again, so that a retry costs no second SMS.
func (e *Engine) start(ctx context.Context, a *Attempt, m Method) (Verdict, error) {
	s := starter{engine: e, attempt: a, method: m, client: e.place(a), now: time.Now()}
	err := e.Users.Update(ctx, UserKey(a.User), s.start)
	switch {
	case err != nil && err != errKeep:
		return Verdict{}, fmt.Errorf("login: open round: %w", err)
	case s.why != "":
		return e.reject(ctx, a, m, s.why)
	case s.begun && m != ByOTP: // the row of the outer window says it already
		row := a.row(Row{Method: m, Result: ResultChallenge, Reason: CodeSent, Message: asking(s.round)})
		if m == ByGrid {
			row.Reason, row.Message = GridShown, ""
		}
		if err := e.Activity.Append(ctx, row); err != nil {
			return Verdict{}, fmt.Errorf("login: record round: %w", err)
		}
	}
	if s.begun && s.to != "" {
		if why, err := e.send(ctx, a, m, s.to, s.round.Code); why != "" || err != nil {
			return e.unsent(ctx, a, m, s.round.State, why, err)
		}
	}
	e.keepPicture(ctx, s.picture)
	v := e.prompt(a, s.round)
	if !s.begun && (m == BySMS || m == ByEmail) {
		v.Message = join(sayRecent, v.Message)
	}
	return v, nil
}

// A starter opens a round. Its method start is the function of an update.
type starter struct {
	engine  *Engine
	attempt *Attempt
	method  Method
	client  string // see Round.Client
	now     time.Time

	why     Reason // not to
	round   Round
	begun   bool   // it is a new one
	to      string // where its code has to be sent
	picture Picture
}

func (s *starter) start(u *User) (*User, error) {
	s.why, s.round, s.begun, s.to, s.picture = "", Round{}, false, "", Picture{}
	codes := s.engine.Codes.orDefault()
	switch {
	case u == nil:
		s.why = UnknownUser
	case u.Lock.Holds(s.now):
		s.why = Locked
	}
	if s.why != "" {
		return nil, errKeep
	}
	login, join := s.engine.same(s.attempt, string(s.method))
	if !join {
		login = s.attempt.Request
	}
	old := u.begun(login, s.method, s.now)
	if s.attempt.State != "" {
		old = -1
		for _, i := range u.answers(s.attempt, s.client) {
			old = i
		}
	}
	tries := 0
	if old >= 0 {
		r := &u.Rounds[old]
		if r.Method == s.method && s.now.Sub(time.Unix(r.Began, 0)) < codes.Resend {
			if s.attempt.State != "" {
				r.renew()
			}
			s.round = *r
			return u, nil
		}
		tries = r.Tries
		u.drop(old)
	}
	s.begun, s.round = true, Round{
		Client: s.client, Station: s.attempt.Station, Login: login, Method: s.method, Tries: tries,
		Began: s.now.Unix(), Expires: s.now.Add(codes.Valid).Unix(), Secret: u.PIN.Hash != "",
	}
	s.fill(u, codes)
	if s.why != "" {
		return nil, errKeep
	}
	s.round.renew()
	u.open(s.round, s.now)
	return u, nil
}

// fill makes what has to be typed, and the prompt.
func (s *starter) fill(u *User, codes Codes) {
	switch s.method {
	case BySMS:
		s.to = u.Phone
	case ByEmail:
		s.to = u.Email
	case ByGrid:
		if u.Grid == nil {
			s.why = NothingEnrolled
			return
		}
		s.picture = s.engine.deal(&s.round, u)
		return
	case ByOTP:
		return
	}
	switch {
	case s.to == "":
		s.why = NothingEnrolled
	case !u.Sends.take(s.now, codes.Limit, codes.Window):
		s.why = TooManySent
	}
	s.round.Code, s.round.Prompt = otp.Random(codes.Digits), saySent(s.method, s.to)
}

// send takes a code to the user, or returns why it did not.
func (e *Engine) send(ctx context.Context, a *Attempt, m Method, to, code string) (why Reason, err error) {
	codes := e.Codes.orDefault()
	err = e.Sent.Update(ctx, string(m), func(t *Tally) (*Tally, error) {
		if t == nil {
			t = &Tally{}
		}
		if why = ""; !t.take(time.Now(), codes.Total, 24*time.Hour) {
			why = TooManySent
			return nil, errKeep
		}
		return t, nil
	})
	switch {
	case why != "":
		e.Log.Warn("login: no more codes are sent today", "method", m, "limit", codes.Total)
		return why, nil
	case err != nil:
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	resource := e.question(a, "").Prompt.Resource
	if m == BySMS {
		err = e.SMS.Send(ctx, to, sayCode(resource, code, codes.Valid))
	} else {
		err = e.Post.SendCode(ctx, to, CodeLetter{User: a.User, Resource: resource, Code: code, Valid: codes.Valid})
	}
	if err != nil {
		e.Log.Error("login: send code", "method", m, "user", a.User, "client", a.Client, "err", err)
		return NotSent, nil
	}
	return "", nil
}

// sendTime bounds how long a login waits until its code has been sent.
const sendTime = 15 * time.Second

// A CodeLetter is what an e-mailed code is told with.
type CodeLetter struct {
	User, Resource, Code string
	Valid                time.Duration
}

// unsent takes back a round whose code was not sent, so that the next try sends one.
func (e *Engine) unsent(ctx context.Context, a *Attempt, m Method, state string, why Reason, err error) (Verdict, error) {
	drop := func(u *User) (*User, error) {
		for i := range u.Rounds {
			if u.Rounds[i].State == state {
				u.drop(i)
				return u, nil
			}
		}
		return nil, errKeep
	}
	if derr := e.update(context.WithoutCancel(ctx), a.User, drop); derr != nil && err == nil {
		e.Log.Error("login: take back round", "user", a.User, "err", derr)
	}
	if err != nil {
		return Verdict{}, fmt.Errorf("login: send code: %w", err)
	}
	return e.reject(ctx, a, m, why)
}

// prompt asks for the answer of a round, as the client can (radius.md: only a client that
// is marked so is sent an Access-Challenge).
func (e *Engine) prompt(a *Attempt, r Round) Verdict {
	if e.Clients[a.Client].Challenge {
		return Verdict{Outcome: Challenge, Reason: roundReason(r.Method), Message: asking(r), State: r.State, Secret: r.Secret, AtOnce: true}
	}
	return Verdict{Reason: roundReason(r.Method), Message: again(r), Retry: true, AtOnce: true}
}

func roundReason(m Method) Reason {
	switch m {
	case ByGrid:
		return GridShown
	case ByOTP:
		return OuterWindow
	case ByPush:
		return NumberShown
	}
	return CodeSent
}

// A Picture is a grid's card to look at, once. Its record's key is the place of its Key.
type Picture struct {
	Key     string    `cbor:"1,keyasint"`
	Card    grid.Card `cbor:"2,keyasint"`
	Expires time.Time `cbor:"3,keyasint"`
}

// A picture's key is letters and digits of base32: the place of its record, then 100 random
// bits. A user has as many places as rounds, and a new picture takes the place of an older
// one: whoever asks for grids without end leaves no more pictures than that.
const (
	pictureKey     = 26
	picturePlace   = 6
	base32Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// newPictureKey returns a key of a user's for what a login has begun.
func newPictureKey(user, login string) string {
	sum := sha256.Sum256([]byte(login))
	place := sha256.Sum256(append([]byte(user), 0, sum[0]%maxRounds))
	return base32.StdEncoding.EncodeToString(place[:])[:picturePlace] + rand.Text()[:pictureKey-picturePlace]
}

// place returns the key of the picture's record.
func (p Picture) place() string { return p.Key[:picturePlace] }

// deal gives a round a card that nobody has seen yet.
func (e *Engine) deal(r *Round, u *User) (picture Picture) {
	card := grid.NewCard(u.Grid.Size)
	r.Code, r.Prompt = card.Answer(*u.Grid), card.Text()
	if e.Pictures == nil {
		return Picture{}
	}
	picture = Picture{Key: newPictureKey(UserKey(u.Name), r.Login), Card: card, Expires: time.Unix(r.Expires, 0)}
	link := sayPicture + " " + strings.TrimSuffix(e.URL, "/") + "/grid/" + picture.Key
	linked := *r
	linked.Prompt += "\n" + link
	if len(asking(linked)) > 253 || len(again(linked)) > 253 {
		return Picture{} // the text alone is enough
	}
	r.Prompt = linked.Prompt
	return picture
}

// keepPicture lets a picture be looked at. Without it the user still has the text.
func (e *Engine) keepPicture(ctx context.Context, p Picture) {
	if p.Key == "" {
		return
	}
	err := e.Pictures.Update(ctx, p.place(), func(*Picture) (*Picture, error) { return &p, nil })
	if err != nil {
		e.Log.Error("login: keep picture of a grid", "err", err)
	}
}
