package page_test

import (
	"encoding/base32"
	"fmt"
	"strings"
	"testing"

	"radpush/login"
)

// RFC 6238, appendix B; and RFC 4226, appendix D, for codes of six digits.
func TestOTP_3_1_VectorsInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.open(w.origin() + "/app/")
	b.screen("welcome")
	code := func(secret, algorithm string, digits int, time int64) string {
		return eval[string](b, fmt.Sprintf(`import("./totp.js").then(async (t) =>
			t.code(await t.importSecret({ secret: %q, algorithm: %q, digits: %d, period: 30 }), t.stepOf(%d * 1000, 30), %d))`,
			base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(secret)), algorithm, digits, time, digits))
	}
	const digits = "12345678901234567890"
	secrets := map[string]string{"SHA1": digits, "SHA256": digits + digits[:12], "SHA512": strings.Repeat(digits, 3) + "1234"}
	for _, row := range []struct {
		time  int64
		codes map[string]string
	}{
		{59, map[string]string{"SHA1": "94287082", "SHA256": "46119246", "SHA512": "90693936"}},
		{1111111109, map[string]string{"SHA1": "07081804", "SHA256": "68084774", "SHA512": "25091201"}},
		{1111111111, map[string]string{"SHA1": "14050471", "SHA256": "67062674", "SHA512": "99943326"}},
		{1234567890, map[string]string{"SHA1": "89005924", "SHA256": "91819424", "SHA512": "93441116"}},
		{2000000000, map[string]string{"SHA1": "69279037", "SHA256": "90698825", "SHA512": "38618901"}},
		{20000000000, map[string]string{"SHA1": "65353130", "SHA256": "77737706", "SHA512": "47863826"}},
	} {
		for algorithm, want := range row.codes {
			if got := code(secrets[algorithm], algorithm, 8, row.time); got != want {
				t.Errorf("%s at %d: %s, want %s", algorithm, row.time, got, want)
			}
		}
	}
	for step, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := code(digits, "SHA1", 6, int64(step)*30); got != want {
			t.Errorf("HOTP %d: %s, want %s", step, got, want)
		}
	}
}

// A code that is to be typed is one that has not been sent, and is not sent any more.
func TestOTP_3_4_CodeToBeTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	b.tap("#accounts button")
	b.tap("#code summary")
	b.screen("account", "s more")
	shown := strings.ReplaceAll(eval[string](b, `document.querySelector("#account-code").firstChild.textContent`), " ", "")
	b.tap("#account [data-go]")
	b.screen("home")
	// It ends with the screen, and takes no more codes from those that approvals need.
	eval[any](b, `new Promise((done) => setInterval(() => document.getElementById("account-code").hidden && done(), 50))`)
	verdict := w.login(t, "alice", "vpn")
	b.screen("request")
	b.decide("#approve")
	b.screen("ended")
	want(t, verdict, login.Accept, login.Approved)
	user, err := w.engine.User(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if token := user.Tokens[0]; shown != token.Code(token.Used-1) {
		t.Errorf("%s was shown, and %s sent: one is to follow the other", shown, token.Code(token.Used))
	}
}

// A code that was shown while the clock was fast does not spoil those after it was set right.
func TestOTP_3_4_CodeOfAClockThatWasFast(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	b.tap("#accounts button")
	b.expect("403") // of a poll meanwhile
	eval[any](b, `globalThis.right = Date.now, Date.now = () => right() + 3 * 3600_000`)
	b.tap("#code summary")
	b.screen("account", "s more")
	eval[any](b, `Date.now = right`)
	verdict := w.login(t, "alice", "vpn")
	b.screen("request")
	b.decide("#approve")
	b.screen("ended", "Approved")
	want(t, verdict, login.Accept, login.Approved)
}
