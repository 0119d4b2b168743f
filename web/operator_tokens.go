package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"radpush/login"
	"radpush/otp"
	"radpush/web/wire"
)

// Tokens are the tokens of users and in the stock. *login.Engine is one.
type Tokens interface {
	AddToken(ctx context.Context, user string, t otp.Token) error
	RemoveToken(ctx context.Context, user, id string) error
	DisableToken(ctx context.Context, user, id string, disabled bool) error
	ResyncToken(ctx context.Context, user, id, first, second string) error
	ImportTokens(ctx context.Context, in login.Import) (login.Imported, error)
	Stocked(ctx context.Context) iter.Seq2[login.StockToken, error]
	AssignToken(ctx context.Context, id, user string) error
	UnassignToken(ctx context.Context, user, id string) error
	RemoveStocked(ctx context.Context, id string) error
}

// What an import may be at most: one request holds all of it, so that all or none of it
// is imported. With the 100,000 tokens that it may have that is 320 octets for each.
const (
	maxImport  = 32 << 20 // octets
	importTime = time.Minute
)

type byToken struct {
	User string `query:"user" required:"true" minLength:"1" maxLength:"253"`
	ID   string `query:"id" required:"true" minLength:"1" maxLength:"1024"`
}

// toToken is byToken with a body.
type toToken[T any] struct {
	User string `query:"user" required:"true" minLength:"1" maxLength:"253"`
	ID   string `query:"id" required:"true" minLength:"1" maxLength:"1024"`
	Body T
}

func (o *Operator) registerTokens(api huma.API, operation func(id, method, path, summary string) huma.Operation) {
	huma.Register(api, operation("add-token", http.MethodPost, "user/token", "Add a token"), o.addToken)
	huma.Register(api, operation("remove-token", http.MethodDelete, "user/token", "Remove a token"), o.removeToken)
	huma.Register(api, operation("change-token", http.MethodPatch, "user/token", "Disable or enable a token"), o.changeToken)
	huma.Register(api, operation("resync-token", http.MethodPost, "user/token/resync", "Resynchronize a token by two consecutive codes"), o.resyncToken)
	huma.Register(api, operation("assign-token", http.MethodPost, "user/token/assign", "Give a user a token of the stock"), o.assignToken)
	huma.Register(api, operation("unassign-token", http.MethodPost, "user/token/unassign", "Take a token back to the stock"), o.unassignToken)
	huma.Register(api, operation("list-stock", http.MethodGet, "stock", "List the tokens that no user has"), o.listStock)
	huma.Register(api, operation("remove-stocked", http.MethodDelete, "stock", "Remove a token of the stock"), o.removeStocked)
	whole := operation("import-tokens", http.MethodPost, "stock/import", "Bring tokens to users and into the stock")
	whole.MaxBodyBytes, whole.BodyReadTimeout = maxImport, importTime
	whole.SkipValidateBody = true // it takes several times the memory; importTokens looks itself
	huma.Register(api, whole, o.importTokens)
}

func aboutToken(user, id string, err error) error {
	return about(fmt.Sprintf("token %q of user %q", id, user), err)
}

func aboutStocked(id string, err error) error {
	return about(fmt.Sprintf("token %q in the stock", id), err)
}

// token makes the token that a request describes.
func (r TokenRequest) token() (otp.Token, error) {
	algorithm, ok := otp.ParseAlgorithm(r.Algorithm)
	period := time.Duration(r.Period) * time.Second
	switch r.Kind {
	case "totp":
		ok = ok && period > 0 // none: otp.New makes HOTP of that
	case "hotp":
		period = 0
	default:
		ok = false
	}
	if !ok {
		return otp.Token{}, wire.NewProblem(http.StatusUnprocessableEntity, fmt.Sprintf("token %q: unknown kind or algorithm, or no period", r.ID))
	}
	t := otp.New(cmp.Or(r.ID, rand.Text()[:8]), algorithm, r.Digits, period)
	if t.HOTP {
		t.Used = r.Counter
	}
	if r.Secret != "" {
		t.Secret = strings.TrimRight(strings.ToUpper(strings.ReplaceAll(r.Secret, " ", "")), "=")
		b32 := base32.StdEncoding.WithPadding(base32.NoPadding)
		if b, err := b32.DecodeString(t.Secret); err == nil {
			t.Secret = b32.EncodeToString(b) // the one form: the last character may have bits that say nothing
		}
	}
	return t, nil
}

func (o *Operator) addToken(ctx context.Context, in *struct {
	User string `query:"user" required:"true" minLength:"1" maxLength:"253"`
	Body TokenRequest
}) (*body[NewToken], error) {
	u, err := o.People.User(ctx, in.User)
	if err != nil {
		return nil, aboutUser(in.User, err)
	}
	t, err := in.Body.token()
	if err != nil {
		return nil, err
	}
	if err := t.Check(); err != nil {
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, err.Error())
	}
	if in.Body.Secret == "" {
		err = o.People.AddToken(ctx, in.User, t)
	} else { // it may be anybody's already
		var done login.Imported
		done, err = o.People.ImportTokens(ctx, login.Import{Tokens: []login.ImportToken{{User: in.User, Token: t}}})
		if done.Known > 0 {
			err = fs.ErrExist
		}
	}
	if err != nil {
		return nil, aboutToken(in.User, t.ID, err)
	}
	return reply(NewToken{ID: t.ID, URL: t.URL(cmp.Or(o.Organization, "radpush"), u.Name)}, nil)
}

func (o *Operator) removeToken(ctx context.Context, in *byToken) (*struct{}, error) {
	return nil, aboutToken(in.User, in.ID, o.People.RemoveToken(ctx, in.User, in.ID))
}

func (o *Operator) changeToken(ctx context.Context, in *toToken[TokenChange]) (*struct{}, error) {
	if in.Body.Disabled == nil {
		return nil, nil
	}
	return nil, aboutToken(in.User, in.ID, o.People.DisableToken(ctx, in.User, in.ID, *in.Body.Disabled))
}

func (o *Operator) resyncToken(ctx context.Context, in *toToken[Resync]) (*struct{}, error) {
	return nil, aboutToken(in.User, in.ID, o.People.ResyncToken(ctx, in.User, in.ID, in.Body.First, in.Body.Second))
}

func (o *Operator) assignToken(ctx context.Context, in *byToken) (*struct{}, error) {
	if _, err := o.People.User(ctx, in.User); err != nil {
		return nil, aboutUser(in.User, err)
	}
	err := o.People.AssignToken(ctx, in.ID, in.User)
	if errors.Is(err, fs.ErrExist) {
		return nil, aboutToken(in.User, in.ID, err)
	}
	return nil, aboutStocked(in.ID, err)
}

func (o *Operator) unassignToken(ctx context.Context, in *byToken) (*struct{}, error) {
	return nil, aboutToken(in.User, in.ID, o.People.UnassignToken(ctx, in.User, in.ID))
}

func (o *Operator) listStock(ctx context.Context, _ *struct{}) (*body[[]Token], error) {
	tokens := []Token{}
	for s, err := range o.People.Stocked(ctx) {
		if err != nil {
			return nil, fault(err)
		}
		tokens = append(tokens, viewToken(s.User, s.Token))
	}
	return reply(tokens, nil)
}

func (o *Operator) removeStocked(ctx context.Context, in *struct {
	ID string `query:"id" required:"true" minLength:"1" maxLength:"1024"`
}) (*struct{}, error) {
	return nil, aboutStocked(in.ID, o.People.RemoveStocked(ctx, in.ID))
}

func (o *Operator) importTokens(ctx context.Context, in *struct{ Body ImportRequest }) (*body[Imported], error) {
	whole := login.Import{Tokens: make([]login.ImportToken, len(in.Body.Tokens)), CreateUsers: in.Body.CreateUsers, DryRun: in.Body.DryRun}
	for i, r := range in.Body.Tokens {
		if r.ID == "" || r.Secret == "" {
			return nil, wire.NewProblem(http.StatusUnprocessableEntity, fmt.Sprintf("token %d of the import has no id or no secret", i+1))
		}
		t, err := r.token()
		if err != nil {
			return nil, err
		}
		t.Drift = r.Drift
		whole.Tokens[i] = login.ImportToken{User: r.User, Token: t}
	}
	done, err := o.People.ImportTokens(ctx, whole)
	return reply(Imported{Given: done.Given, Stocked: done.Stocked, Known: done.Known, Created: append([]string{}, done.Created...)}, err)
}
