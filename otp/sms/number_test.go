package sms_test

import (
	"strings"
	"testing"

	"radpush/otp/sms"
)

func TestNumber_4_1_WhatIsTyped(t *testing.T) {
	for typed, want := range map[string]string{
		"+49 170 1234567":                    "+491701234567",
		"0049 170 1234567":                   "+491701234567",
		"+49 (0)170 123-4567":                "+491701234567",
		"+49.170/123 45 67":                  "+491701234567",
		" (+1) 202-555.0123 ":                "+12025550123",
		"+1\u00a0202\u2011555\u20130123":     "+12025550123",  // what word processors put there
		"\u202a+44 20 7946 0000\u202c":       "+442079460000", // and address books
		"+290 22222":                         "+29022222",
		"+683 4000":                          "+6834000",
		"+123456789012345":                   "+123456789012345",
		"[+1] 202 555 0123":                  "+12025550123",
		"00 1 202 555 0123":                  "+12025550123",
		"+39 06 1234 5678":                   "+390612345678", // in Italy the zero stays
		"+49\t170\t1234567\n":                "+491701234567",
		"+4\u22129 170 1234567":              "+491701234567",
		"\u200e+49 170 1234567\ufeff":        "+491701234567",
		"+" + strings.Repeat("1-", 14) + "1": "+111111111111111",
	} {
		if got, err := sms.Number(typed); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", typed, got, err, want)
		}
	}
}

func TestNumber_4_1_ClearErrors(t *testing.T) {
	for typed, want := range map[string]string{
		"":                    "empty",
		" - ":                 "empty",
		"0170 1234567":        "no country code",
		"202 555 0123":        "no country code",
		"491701234567":        "no country code",
		"+":                   "7 to 15 digits",
		"00":                  "7 to 15 digits",
		"+49 170":             "7 to 15 digits",
		"+1234567890123456":   "7 to 15 digits",
		"+049 170 1234567":    "no country code begins with 0",
		"+0049 170 1234567":   "no country code begins with 0",
		"+49+170 1234567":     "7 to 15 digits",
		"++49 170 1234567":    "7 to 15 digits",
		"+49 170 CALL NOW":    "'C' has no place",
		"+49 170 1234567;x":   "';' has no place",
		"+49 170 1234567\x00": `'\x00' has no place`,
		"+४९ १७० १२३४५६७": "has no place",
	} {
		got, err := sms.Number(typed)
		if err == nil || !strings.Contains(err.Error(), want) || got != "" {
			t.Errorf("%q: %q, %v, want an error with %q", typed, got, err, want)
		}
	}
}

func FuzzNumber(f *testing.F) {
	f.Add("+49 (0)170 123-4567")
	f.Add("0049170")
	f.Fuzz(func(t *testing.T, typed string) {
		number, err := sms.Number(typed)
		if err != nil {
			return
		}
		if again, err := sms.Number(number); err != nil || again != number {
			t.Errorf("%q became %q, which became %q, %v", typed, number, again, err)
		}
	})
}
