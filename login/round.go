package login

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"slices"
	"time"
)

// A Round is an open question that the user answers by typing: a code that was sent, the
// digits on a grid, the next code of a token. It is part of the user's record, so that
// the answer is checked and used up in one update, after a restart and on a second server
// too (statements 4.1, 4.2, 4.4).
//
// A NAS that can show an Access-Challenge brings the State back with the answer. At one
// that cannot, the user types the answer as the passcode of the next login: it then
// belongs to the newest round of each method at the same client and calling station.
type Round struct {
	State   string `cbor:"1,keyasint"`           // 130 random bits, new after each answer
	Client  string `cbor:"2,keyasint"`           // digest of the client, or of its group
	Station string `cbor:"3,keyasint,omitempty"` // Calling-Station-Id
	Login   string `cbor:"4,keyasint"`           // digest of what makes two requests the same login (statement 2.13)
	Method  Method `cbor:"5,keyasint"`           // ByOTP: the token knows which code comes next
	Code    string `cbor:"6,keyasint,omitempty"` // what has to be typed
	Prompt  string `cbor:"7,keyasint,omitempty"` // what has to be typed, in words: see asking
	Began   int64  `cbor:"8,keyasint"`           // when the code was sent or shown; Unix, seconds
	Expires int64  `cbor:"9,keyasint"`           // Unix, seconds
	Tries   int    `cbor:"10,keyasint,omitempty"`
	Push    string `cbor:"11,keyasint,omitempty"` // ByPush: the challenge that the answer waits for
	Secret  bool   `cbor:"12,keyasint,omitempty"` // the answer begins with a PIN: it is not to be shown
}

const (
	roundTries = 3 // wrong answers that end a round (statement 4.1)
	maxRounds  = 8 // of one user: the record stays small, whoever asks
)

// renew gives a round the State of its next answer (statement 4.4: single use).
func (r *Round) renew() { r.State = rand.Text() }

// expire ends the rounds whose time is over.
func (u *User) expire(now time.Time) {
	u.Rounds = slices.DeleteFunc(u.Rounds, func(r Round) bool { return r.Expires <= now.Unix() })
}

// open adds a round. The oldest has to make room.
func (u *User) open(r Round, now time.Time) {
	u.expire(now)
	u.Rounds = append(u.Rounds[max(0, len(u.Rounds)+1-maxRounds):], r)
}

// drop ends a round.
func (u *User) drop(i int) { u.Rounds = slices.Delete(u.Rounds, i, i+1) }

// answers returns the indices of the rounds that an attempt may answer: with a State the
// one that has it, else the newest of each method at the client and station.
func (u *User) answers(a *Attempt, client string) (rounds []int) {
	for i, r := range slices.Backward(u.Rounds) {
		switch {
		case r.Expires <= a.Received.Unix() || r.Client != client:
		case a.State != "":
			if subtle.ConstantTimeCompare([]byte(r.State), []byte(a.State)) == 1 {
				return []int{i}
			}
		case r.Station == a.Station && !slices.ContainsFunc(rounds, func(j int) bool { return u.Rounds[j].Method == r.Method }):
			rounds = append(rounds, i)
		}
	}
	return rounds
}

// begun returns the index of the round that the same login has begun, or -1.
func (u *User) begun(login string, m Method, now time.Time) int {
	return slices.IndexFunc(u.Rounds, func(r Round) bool {
		return r.Login == login && r.Method == m && r.Expires > now.Unix()
	})
}

// Codes says what the codes are like that are sent, how long a round lasts and how much
// may be sent. A zero field means its default.
type Codes struct {
	Digits int           // 6 to 8; 6
	Valid  time.Duration // how long a round can be answered; 5 min
	Resend time.Duration // no new code for the same login before; 30 s
	Limit  int           // codes sent to one user in Window; 5
	Window time.Duration // 10 min
	Total  int           // codes sent to all users in a day, of each method; 1,000
}

func (c Codes) orDefault() Codes {
	return Codes{
		Digits: cmp.Or(c.Digits, 6),
		Valid:  cmp.Or(c.Valid, 5*time.Minute),
		Resend: cmp.Or(c.Resend, 30*time.Second),
		Limit:  cmp.Or(c.Limit, 5),
		Window: cmp.Or(c.Window, 10*time.Minute),
		Total:  cmp.Or(c.Total, 1000),
	}
}
