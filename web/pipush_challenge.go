package web

import (
	"maps"
	"strings"
	"sync"
	"time"

	"radpush/push"
	"radpush/push/pipush"
)

// sign returns a challenge as an app takes it, in which stands what every device shows
// (statement 2.2).
func (a *appAPI) sign(p *push.Pairing, d *push.Device, c *push.Challenge) (pipush.Challenge, error) {
	nonce := d.Nonce(c)
	return a.signed.get(nonce, c.Expires, time.Now(), func() (pipush.Challenge, error) {
		prompt, err := c.Prompt()
		if err != nil {
			return pipush.Challenge{}, err
		}
		return p.Server.Sign(pipush.Question{
			Nonce: nonce, URL: a.endpoint + "/" + c.ID, Serial: p.Serial, Title: prompt.Resource, Text: sayPrompt(prompt), Choices: prompt.Numbers,
		})
	})
}

// sayPrompt is what an app shows below the resource. It knows texts only, so the time is not
// that of the phone's own zone.
func sayPrompt(p push.Prompt) string {
	lines := []string{"User: " + p.User}
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, name+": "+value)
		}
	}
	add("Organization", p.Organization)
	add("Address", p.IP)
	add("Location", p.Location)
	add("Time", p.Started.UTC().Format("2 January 2006, 15:04:05 UTC"))
	return strings.Join(lines, "\n")
}

// signedChallenges keeps what has been signed, by its nonce, until it expires: an app asks
// every three seconds, and a signature costs milliseconds.
type signedChallenges struct {
	mu      sync.Mutex
	byNonce map[string]signedChallenge
	full    int // when so many are kept it is time to look which have expired
}

type signedChallenge struct {
	expires time.Time
	sign    func() (pipush.Challenge, error) // once
}

// maxSigned bounds what is kept to some 30 MB; beyond it each poll is signed anew.
const maxSigned = 10_000

func (s *signedChallenges) get(nonce string, expires, now time.Time, sign func() (pipush.Challenge, error)) (pipush.Challenge, error) {
	return s.keep(nonce, expires, now, sign)()
}

func (s *signedChallenges) keep(nonce string, expires, now time.Time, sign func() (pipush.Challenge, error)) func() (pipush.Challenge, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept, ok := s.byNonce[nonce]; ok {
		return kept.sign
	}
	if len(s.byNonce) >= s.full {
		maps.DeleteFunc(s.byNonce, func(_ string, kept signedChallenge) bool { return !now.Before(kept.expires) })
		s.full = min(max(100, 2*len(s.byNonce)), maxSigned)
	}
	if len(s.byNonce) >= maxSigned {
		return sign
	}
	if s.byNonce == nil {
		s.byNonce = make(map[string]signedChallenge)
	}
	sign = sync.OnceValues(sign)
	s.byNonce[nonce] = signedChallenge{expires, sign}
	return sign
}
