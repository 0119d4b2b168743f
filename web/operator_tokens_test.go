package web_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"radpush/login"
	"radpush/otp"
	"radpush/web"
)

// fob describes a token as a file has it.
func fob(id, user string) web.ImportToken {
	return web.ImportToken{User: user, TokenRequest: web.TokenRequest{ID: id, Kind: "hotp", Algorithm: "SHA1", Digits: 6, Secret: otp.New(id, otp.SHA1, 6, 0).Secret}}
}

func TestOperator_3_1_TokensOfUsersAndInTheStock(t *testing.T) {
	w := newWorld(t)
	o, ctx := w.client(), t.Context()
	done, err := o.ImportTokens(ctx, web.ImportRequest{Tokens: []web.ImportToken{fob("A-1", "Carol"), fob("A-2", "")}, CreateUsers: true})
	if err != nil || done.Given != 1 || done.Stocked != 1 || len(done.Created) != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	made, err := o.AddToken(ctx, "alice", web.TokenRequest{ID: "yk", Kind: "hotp", Counter: 5, Secret: "gezd gnbv gy3t qojq gezd gnbv gy3t qojq"})
	if err != nil || !strings.HasPrefix(made.URL, "otpauth://hotp/") || !strings.Contains(made.URL, "counter=5") {
		t.Fatalf("%+v, %v", made, err)
	}
	// A secret that somebody has, in whatever form, is nobody else's.
	_, err = o.AddToken(ctx, "bob", web.TokenRequest{Secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"})
	refused(t, err, `its secret is that of token "yk" of user "alice"`)
	if _, err = o.AddToken(ctx, "alice", web.TokenRequest{ID: "yk", Kind: "hotp", Secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v, want fs.ErrExist", err)
	}

	if err := o.AssignToken(ctx, "alice", "A-2"); err != nil {
		t.Fatal(err)
	}
	if err := o.ChangeToken(ctx, "alice", "yk", web.TokenChange{Disabled: new(true)}); err != nil {
		t.Fatal(err)
	}
	u, err := o.ShowUser(ctx, "alice")
	if err != nil || len(u.Tokens) != 2 || u.Tokens[0].Kind != "hotp" || *u.Tokens[0].Counter != 5 || !u.Tokens[0].Disabled ||
		u.Tokens[1].ID != "A-2" || u.Tokens[1].Disabled || u.Tokens[1].User != "alice" || u.Tokens[0].Used != nil || u.Tokens[0].Period != 0 {
		t.Errorf("%+v, %v", u.Tokens, err)
	}
	err = w.engine.Users.Update(ctx, "alice", func(u *login.User) (*login.User, error) { u.Tokens[0].Next = 9; return u, nil })
	if err != nil {
		t.Fatal(err)
	}
	if u, err = o.ShowUser(ctx, "alice"); err != nil || !u.Tokens[0].NeedsResync || u.Tokens[1].NeedsResync {
		t.Errorf("%+v, %v", u.Tokens, err)
	}
	if err := o.UnassignToken(ctx, "alice", "A-2"); err != nil {
		t.Fatal(err)
	}
	if stock, err := o.ListStock(ctx); err != nil || len(stock) != 1 || stock[0].ID != "A-2" || stock[0].User != "" {
		t.Errorf("%+v, %v", stock, err)
	}
	if err := o.RemoveStocked(ctx, "A-2"); err != nil {
		t.Fatal(err)
	}
	refused(t, o.ResyncToken(ctx, "alice", "yk", web.Resync{First: "000000", Second: "000001"}), "consecutive")
	refused(t, o.ResyncToken(ctx, "alice", "yk", web.Resync{First: "0", Second: "000001"}), "body.first")
	tok := otp.Token{HOTP: true, Digits: 6, Secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}
	if err := o.ResyncToken(ctx, "alice", "yk", web.Resync{First: tok.Code(900), Second: tok.Code(901)}); err != nil {
		t.Fatal(err)
	}

	for what, err := range map[string]error{
		`there is no token "A-2" in the stock`:          o.AssignToken(ctx, "alice", "A-2"),
		`there is no user "nobody"`:                     o.AssignToken(ctx, "nobody", "A-2"),
		`there is no token "A-2" of user "alice"`:       o.UnassignToken(ctx, "alice", "A-2"),
		`there is no token "A-3" in the stock`:          o.RemoveStocked(ctx, "A-3"),
		`there is no token "A-3" of user "alice"`:       o.ChangeToken(ctx, "alice", "A-3", web.TokenChange{Disabled: new(true)}),
		`there is no token "A-3" of user "alice"` + " ": o.ResyncToken(ctx, "alice", "A-3", web.Resync{First: "000000", Second: "000001"}),
	} {
		if !errors.Is(err, fs.ErrNotExist) || err.Error() != strings.TrimSpace(what) {
			t.Errorf("%v, want %s", err, what)
		}
	}
}

// What the API is not asked by huma it looks for itself; and nothing of it repeats a secret.
func TestOperator_3_1_ImportsThatCannotBe(t *testing.T) {
	w := newWorld(t)
	change := func(f func(*web.ImportToken)) web.ImportToken {
		token := fob("A-1", "alice")
		f(&token)
		return token
	}
	for says, token := range map[string]web.ImportToken{
		"no id":                     change(func(t *web.ImportToken) { t.ID = "" }),
		"no secret":                 change(func(t *web.ImportToken) { t.Secret = "" }),
		"not base32":                change(func(t *web.ImportToken) { t.Secret = "1890" + t.Secret }),
		"128 are needed":            change(func(t *web.ImportToken) { t.Secret = "GEZDGNBV" }),
		"unknown kind or algorithm": change(func(t *web.ImportToken) { t.Kind = "ocra" }),
		"kind or algorithm, or no":  change(func(t *web.ImportToken) { t.Algorithm = "MD5" }),
		"or no period":              change(func(t *web.ImportToken) { t.Kind, t.Period = "totp", -1 }),
		"a period of 45s":           change(func(t *web.ImportToken) { t.Kind, t.Period = "totp", 45 }),
		"7 digits":                  change(func(t *web.ImportToken) { t.Digits = 7 }),
		"beyond reason":             change(func(t *web.ImportToken) { t.Counter = 1 << 60 }),
		`there is no user "nobody"`: change(func(t *web.ImportToken) { t.User = "nobody" }),
	} {
		_, err := w.client().ImportTokens(t.Context(), web.ImportRequest{Tokens: []web.ImportToken{fob("good", ""), token}})
		refused(t, err, says)
		if err != nil && token.Secret != "" && strings.Contains(err.Error(), token.Secret) {
			t.Errorf("a secret in %v", err)
		}
	}
	if stock, err := w.client().ListStock(t.Context()); err != nil || len(stock) != 0 {
		t.Errorf("%+v, %v", stock, err)
	}

	post := func(body string) got {
		r := request(t, http.MethodPost, "/operator/v1/stock/import", []byte(body))
		return do(t, web.InProcess(w.operator.Handler()), r)
	}
	for body, status := range map[string]int{
		`{"tokens":[{"id":"A-1","secret":"GEZDGNBVGY3TQOJQ"`:                                 422,
		`{"tokens":"GEZDGNBVGY3TQOJQ"}`:                                                      422,
		`{"tokens":[{"id":"A-1","secret":7}]}`:                                               422,
		`{"tokens":[{"id":"A-1","secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","digits":"6"}]}`: 422,
		``: 400,
		`{"tokens":[],"x":"` + strings.Repeat("GEZDGNBV", 4<<20+1) + `"}`: 413,
	} {
		if g := post(body); g.status != status || strings.Contains(g.body, "GEZDGNBV") {
			t.Errorf("%.60s: status %d, %.300s", body, g.status, g.body)
		}
	}
}

// A file that is longer than other requests may be, over the socket.
func TestOperator_3_1_ALongImport(t *testing.T) {
	w := newWorld(t)
	var in web.ImportRequest
	for i := range 10_000 {
		in.Tokens = append(in.Tokens, fob(fmt.Sprintf("SERIAL-%08d", i), ""))
	}
	o := &web.OperatorClient{Transport: web.OverSocket(w.socket(t))}
	done, err := o.ImportTokens(t.Context(), in)
	if err != nil || done.Stocked != 10_000 {
		t.Fatalf("%+v, %v", done, err)
	}
}
