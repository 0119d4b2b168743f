package password

import (
	"strings"
	"testing"
)

// Made by the reference implementation (phc-winner-argon2), whose own tests have most of
// them. The vectors of RFC 9106, section 5, have a secret and associated data, which no PHC
// string carries.
func TestVerifiesHashesOfTheReference(t *testing.T) {
	var h Hasher
	for _, v := range []struct{ text, hash string }{
		{"password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		{"password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"},
		{"password", "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg"},
		{"password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
		{"differentpassword", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94"},
		{"password", "$argon2id$v=19$m=65536,t=2,p=1$ZGlmZnNhbHQ$vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw"},
		{"1234", "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$BLQZKunvsXEv0rfovWeQl2OiNafEWjmCsvbNWbauLz0"},
		{"1234", "$argon2id$v=19$m=64,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$YZcMPW1Q86kgu9/iYzGkDwcZWNMFz4QaYa2bol/b7dVH4wO1NEmmlPSaB7l7swmvtRVxjK5UKyY1q7YmT8LU+A"},
	} {
		for text, want := range map[string]bool{v.text: true, v.text + " ": false} {
			if got, err := h.Verify(t.Context(), v.hash, text); got != want || err != nil {
				t.Errorf("%q, %s: %v, %v, want %v", text, v.hash, got, err, want)
			}
		}
	}
}

func TestRefusesWhatIsNoHash(t *testing.T) {
	const good = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if _, _, err := parse(good); err != nil {
		t.Fatal(err)
	}
	var h Hasher
	for name, change := range map[string][2]string{
		"a line break in the salt":  {"c29tZXNhbHQ", "c29t\nZXNhbHQ"},
		"a line break at the end":   {"CHGi/4", "CHGi/4\n"},
		"a leading zero":            {"t=2", "t=02"},
		"a plus":                    {"t=2", "t=+2"},
		"a minus":                   {"t=2", "t=-2"},
		"a space":                   {"m=256", "m= 256"},
		"another order":             {"m=256,t=2", "t=2,m=256"},
		"a parameter more":          {"p=1", "p=1,keyid=AAAA"},
		"no memory":                 {"m=256", "m=0"},
		"memory below 8 a thread":   {"m=256,t=2,p=1", "m=8,t=2,p=2"},
		"memory beyond 32 bits":     {"m=256", "m=4294967552"},
		"no pass":                   {"t=2", "t=0"},
		"no thread":                 {"p=1", "p=0"},
		"threads beyond 8 bits":     {"p=1", "p=257"},
		"too much memory":           {"m=256", "m=131080"},
		"all memory there is":       {"m=256", "m=4294967295"},
		"too many passes":           {"t=2", "t=2049"},
		"work that overflows":       {"m=256,t=2", "m=65536,t=65536"},
		"too many threads":          {"p=1", "p=17"},
		"argon2i":                   {"argon2id", "argon2i"},
		"version 16":                {"v=19", "v=16"},
		"no version":                {"$v=19", ""},
		"a short salt":              {"c29tZXNhbHQ", "c29tZQ"},
		"no salt":                   {"c29tZXNhbHQ", ""},
		"a short hash":              {"nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "nf65EOgLrQMR"},
		"no hash":                   {"nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", ""},
		"padding":                   {"CHGi/4", "CHGi/4="},
		"bits after the last octet": {"CHGi/4", "CHGi/5"},
		"base64 for URLs":           {"/", "_"},
		"a part more":               {"c29tZXNhbHQ", "c29tZXNhbHQ$"},
		"text before":               {"$argon2id", "x$argon2id"},
		"a long hash":               {"nf65", strings.Repeat("nf65", 60)},
	} {
		s := strings.Replace(good, change[0], change[1], 1)
		if s == good {
			t.Fatalf("%s: nothing changed", name)
		}
		ok, err := h.Verify(t.Context(), s, "password")
		if ok || err == nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		} else if strings.Contains(err.Error(), "nf65") || strings.Contains(err.Error(), "c29t") {
			t.Errorf("%s: the error has salt or hash: %v", name, err)
		}
	}
}

// What parse takes is bounded and has one spelling.
func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
	f.Add("$argon2id$v=19$m=65536,t=65536,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
	f.Add("$argon2id$v=19$m=64,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$YZcMPW1Q86kgu9/iYzGkDwcZWNMFz4QaYa2bol/b7dU")
	f.Add("$argon2id$$$$")
	f.Fuzz(func(t *testing.T, s string) {
		r, sum, err := parse(s)
		if err != nil {
			if sum != nil || r != (recipe{}) {
				t.Errorf("%q: a hash beside the error %v", s, err)
			}
			return
		}
		if r.format(sum) != s {
			t.Errorf("%q is read as %q", s, r.format(sum))
		}
		if r.memory > maxMemory || uint64(r.memory)*uint64(r.time) > maxWork || r.threads > maxThreads {
			t.Errorf("%q demands too much", s)
		}
		if r.memory*r.time <= 1<<10 {
			r.sum("") // panics if it is given what argon2 cannot do
		}
	})
}
