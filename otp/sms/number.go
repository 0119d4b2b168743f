package sms

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Number returns the telephone number that a person typed as + and digits, country code
// first (ITU-T E.164): "+49 (0)170 123-4567" and "0049 170 1234567" are "+491701234567".
// A national number is an error: nobody can tell which country it is of.
func Number(s string) (string, error) {
	s = strings.ReplaceAll(s, "(0)", "") // dialled at home only: +44 (0)20
	var typed strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9' || r == '+':
			typed.WriteRune(r)
		case unicode.IsSpace(r), unicode.In(r, unicode.Pd, unicode.Cf), strings.ContainsRune(".()[]/−", r):
			// Cf: what is pasted from an address book often has invisible marks of direction.
		default:
			return "", fmt.Errorf("sms: %q has no place in a telephone number", r)
		}
	}
	digits, international := strings.CutPrefix(typed.String(), "+")
	if !international {
		digits, international = strings.CutPrefix(digits, "00")
	}
	switch {
	case typed.Len() == 0:
		return "", errors.New("sms: the telephone number is empty")
	case !international:
		return "", errors.New("sms: the telephone number has no country code: begin it with +, such as +49 170 1234567")
	case strings.HasPrefix(digits, "0"):
		return "", errors.New("sms: no country code begins with 0: +49 170 1234567, not +0170 1234567")
	case !e164(digits):
		return "", errors.New("sms: a telephone number is +, country code and number: 7 to 15 digits")
	}
	return "+" + digits, nil
}

// e164 reports whether the digits are a whole number: at most 15 of them (ITU-T E.164,
// section 6.1), and no country has fewer than 7.
func e164(digits string) bool {
	return len(digits) >= 7 && len(digits) <= 15 && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}
