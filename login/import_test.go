package login_test

import (
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/otp"
	"radpush/store"
	"radpush/store/storetest"
)

func TestImport_3_1_ToUsersAndIntoTheStock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		time.Sleep(time.Second)
		in := login.Import{Tokens: []login.ImportToken{
			{User: `EXAMPLE\Alice`, Token: otp.New("A-1", otp.SHA512, 8, time.Minute)},
			{User: "Carol", Token: otp.New("A-2", otp.SHA1, 6, 0)},
			{Token: otp.New("A-3", otp.SHA256, 6, 30*time.Second)},
		}}
		_, err := h.ImportTokens(t.Context(), in)
		refused(t, err, `token "A-2": there is no user "Carol"`)

		in.CreateUsers, in.DryRun = true, true
		want := login.Imported{Given: 2, Stocked: 1, Created: []string{"Carol"}}
		same := func(got login.Imported, err error) {
			t.Helper()
			if err != nil || got.Given != want.Given || got.Stocked != want.Stocked || got.Known != want.Known || !slices.Equal(got.Created, want.Created) {
				t.Errorf("%+v, %v; want %+v", got, err, want)
			}
		}
		same(h.ImportTokens(t.Context(), in))
		if len(mustUser(t, h, "alice").Tokens)+len(h.stocked(t)) > 0 {
			t.Error("the dry run was none")
		}
		in.DryRun = false
		same(h.ImportTokens(t.Context(), in))
		for _, s := range in.Tokens[:2] {
			a := at(s.Token.Code(s.Token.Step(time.Now())), "")
			a.User = s.User
			wantVerdict(t, h.login(t, a), login.Accept, login.CodeAccepted)
		}
		if got := h.stocked(t); !slices.Equal(got, []string{"A-3"}) {
			t.Error(got)
		}

		// The same file once more harms nobody: what is used up stays so, what was given stays.
		if err := h.AssignToken(t.Context(), "A-3", "alice"); err != nil {
			t.Fatal(err)
		}
		want = login.Imported{Known: 3}
		same(h.ImportTokens(t.Context(), in))
		if u := mustUser(t, h, "carol"); len(u.Tokens) != 1 || u.Tokens[0].Used != 1 {
			t.Errorf("%+v", u.Tokens)
		}
		got := h.changes(t)
		slices.Sort(got)
		if got := strings.Join(got, ", "); got != "token A-1 added, token A-2 added, token A-3 assigned, tokens imported into the stock: 1, user added, user added" {
			t.Errorf("activity: %s", got)
		}
	})
}

func TestImport_3_2_FaultsImportNothing(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	bring := func(user string, tok otp.Token) login.ImportToken { return login.ImportToken{User: user, Token: tok} }
	as := func(tok otp.Token, id string) otp.Token { tok.ID = id; return tok }
	h.AddUser(ctx, "bob")
	bobs, stocked, fresh := otp.New("bobs", otp.SHA1, 6, 0), otp.New("fob", otp.SHA1, 6, 0), otp.New("new", otp.SHA1, 6, 0)
	if _, err := h.ImportTokens(ctx, login.Import{Tokens: []login.ImportToken{bring("bob", bobs), bring("", stocked)}}); err != nil {
		t.Fatal(err)
	}
	longer := func(tok otp.Token) otp.Token { // HMAC makes the same of it
		b32 := base32.StdEncoding.WithPadding(base32.NoPadding)
		b, _ := b32.DecodeString(tok.Secret)
		tok.Secret = b32.EncodeToString(append(b, 0, 0))
		return tok
	}
	if bobs.Code(9) != longer(bobs).Code(9) {
		t.Fatal("a secret with zeros behind is another one")
	}
	seven, eight := as(fresh, "seven"), stocked
	seven.Digits, eight.Digits = 7, 8
	var many []login.ImportToken
	for i := range 33 {
		many = append(many, bring("alice", otp.New(fmt.Sprint(i), otp.SHA1, 6, 0)))
	}
	var wrong []login.ImportToken
	for i := range 118 {
		wrong = append(wrong, bring(fmt.Sprint("nobody", i), otp.New(fmt.Sprint(i), otp.SHA1, 6, 0)))
	}
	for says, tokens := range map[string][]login.ImportToken{
		`token "alices": its secret is that of token "bobs" of user "bob"`: {bring("alice", as(bobs, "alices"))},
		`token "z": its secret is that of token "bobs" of user "bob"`:      {bring("alice", longer(as(bobs, "z")))},
		`token "bobs": its secret is that of token "bobs" of user "bob"`:   {bring("alice", bobs)},
		`token "fob": its secret is that of token "fob" in the stock`:      {bring("alice", stocked)},
		`token "fob": there is another token "fob" in the stock`:           {bring("", as(fresh, "fob"))},
		`token "bobs": there is another token "bobs" of user "bob"`:        {bring("BOB", as(fresh, "bobs"))},
		`token "fob": it is there already, and makes other codes`:          {bring("", eight)},
		`token "b": its secret is that of token "a" of user "alice"`:       {bring("alice", as(fresh, "a")), bring("", as(fresh, "b"))},
		`token "a": this import has it twice`:                              {bring("alice", as(fresh, "a")), bring("ALICE", as(otp.New("", 0, 6, 0), "a"))},
		`token "seven": otp: 7 digits`:                                     {bring("alice", seven)},
		`token "": its ID is empty`:                                        {bring("alice", as(fresh, ""))},
		`does not print`:                                                   {bring("alice", as(fresh, "a\nb"))},
		`longer than 255 octets`:                                           {bring("alice", as(fresh, strings.Repeat("x", 256)))},
		`token "new": a user name of 300 octets is too long`:               {bring(strings.Repeat("x", 300), fresh)},
		`token "new": a user needs a name`:                                 {bring(`EXAMPLE\`, fresh)},
		`token "32": user "alice" would have more than 32 tokens`:          many,
		"and 18 faults more":                                               wrong,
	} {
		good := bring("", otp.New("good", otp.SHA1, 6, 0))
		_, err := h.ImportTokens(ctx, login.Import{Tokens: append(tokens, good)})
		refused(t, err, says)
		for _, tok := range tokens {
			if err != nil && strings.Contains(err.Error(), tok.Token.Secret) {
				t.Errorf("a secret in %v", err)
			}
		}
	}
	if _, err := h.ImportTokens(ctx, login.Import{Tokens: make([]login.ImportToken, 100_001)}); err == nil || len(h.stocked(t)) != 1 || len(mustUser(t, h, "alice").Tokens) != 0 {
		t.Errorf("%v; in the stock %q", err, h.stocked(t))
	}
}

// A disk that is full in the middle of an import: the same import, repeated, finishes it.
func TestImport_3_1_RepeatedAfterAFailure(t *testing.T) {
	disk := &storetest.Memory{}
	h := onDisk(t, disk)
	in := login.Import{CreateUsers: true}
	for i := range 50 {
		user := ""
		if i%3 == 0 {
			user = fmt.Sprint("user", i%9)
		}
		in.Tokens = append(in.Tokens, login.ImportToken{User: user, Token: otp.New(fmt.Sprint(i), otp.SHA1, 6, 0)})
	}
	for room := range 10 {
		disk.Fail = func(string) error {
			if room--; room < 0 {
				return errors.New("the disk is full")
			}
			return nil
		}
		if _, err := h.ImportTokens(t.Context(), in); err == nil || !strings.Contains(err.Error(), "repeat it") {
			t.Fatalf("%v", err)
		}
	}
	disk.Fail = nil
	done, err := h.ImportTokens(t.Context(), in)
	if err != nil || done.Known == 0 || done.Known+done.Given+done.Stocked != 50 {
		t.Errorf("%+v, %v", done, err)
	}
	n := len(h.stocked(t))
	for i := range 3 {
		n += len(mustUser(t, h, fmt.Sprint("user", 3*i)).Tokens)
	}
	if n != 50 {
		t.Errorf("%d tokens, want 50", n)
	}
}

// The largest import, into an empty store and then, when all of it is known, once more.
func BenchmarkImport(b *testing.B) {
	var in login.Import
	for i := range 100_000 {
		in.Tokens = append(in.Tokens, login.ImportToken{Token: otp.New(fmt.Sprint(i), otp.SHA1, 6, 0)})
	}
	for b.Loop() {
		disk := &storetest.Memory{}
		e := &login.Engine{
			Users:    store.Table[login.User]{Backend: disk, Prefix: "user"},
			Stock:    &login.Stock{Tokens: store.Table[login.StockToken]{Backend: disk, Prefix: "stock"}},
			Activity: &login.Journal{Rows: store.Table[login.Row]{Backend: disk, Prefix: "activity"}},
		}
		for _, known := range []int{0, 100_000} {
			if done, err := e.ImportTokens(b.Context(), in); err != nil || done.Known != known {
				b.Fatal(done, err)
			}
		}
	}
}
