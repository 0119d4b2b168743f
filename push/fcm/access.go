package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"radpush/push"
)

// access adds an access token to requests. The transport of Google's library would get one
// without a deadline and under a mutex, so that whoever waits could not leave with its ctx.
type access struct {
	config *jwt.Config
	base   http.RoundTripper
	turn   chan struct{} // has room for one: who asks for a token
	token  atomic.Pointer[oauth2.Token]
}

func (a *access) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := a.get(r.Context())
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	token.SetAuthHeader(r)
	return a.base.RoundTrip(r)
}

// get returns an access token, of which one is kept until it expires.
func (a *access) get(ctx context.Context) (*oauth2.Token, error) {
	if token := a.token.Load(); token.Valid() {
		return token, nil
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if token := a.token.Load(); token.Valid() {
		return token, nil // another ring has got it meanwhile
	}
	token, err := a.ask(ctx)
	if err != nil {
		return nil, err
	}
	a.token.Store(token)
	return token, nil
}

// ask gets a token from the OAuth server.
func (a *access) ask(ctx context.Context) (*oauth2.Token, error) {
	bound := &bound{ctx: ctx, base: a.base}
	client := &http.Client{Transport: bound, CheckRedirect: noRedirect}
	token, err := a.config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, client)).Token()
	switch {
	case bound.err != nil:
		return nil, bound.err
	case err == nil && token.Valid():
		return token, nil
	}
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return nil, &refusal{errors.New("the OAuth server answered something else than a token")}
	}
	return nil, &refusal{judgeOAuth(refused, time.Now())}
}

// A refusal is an answer of the OAuth server by which there is no token.
type refusal struct{ error }

// bound is a transport within a context, for a library that does not take one. It remembers
// the error, of which the library keeps only the text.
type bound struct {
	ctx  context.Context
	base http.RoundTripper
	err  error
}

func (b *bound) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.base.RoundTrip(r.WithContext(b.ctx))
	b.err = err
	return response, err
}

// errorCodes are what those of OAuth look like (RFC 6749, section 5.2).
var errorCodes = regexp.MustCompile(`^[a-z_]{1,64}$`)

// judgeOAuth returns why the OAuth server hands out no token. What else it says is left
// out: it could have the assertion in it.
func judgeOAuth(refused *oauth2.RetrieveError, now time.Time) error {
	var said struct{ Error string }
	if json.Unmarshal(refused.Body, &said) != nil || !errorCodes.MatchString(said.Error) {
		said.Error = "" // it does not speak OAuth
	}
	code := refused.Response.StatusCode
	err := fmt.Errorf("the OAuth server: %w", status(code, said.Error))
	if code == http.StatusTooManyRequests || code/100 == 5 {
		return push.Temporary{Err: err, After: push.RetryAfter(refused.Response.Header.Get("Retry-After"), now)}
	}
	return fmt.Errorf("%w: check that the service account and its key still exist, and this machine's clock", err)
}
