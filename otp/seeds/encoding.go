package seeds

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

var (
	errNoSecret  = errors.New("there is no secret")
	errEncoding  = errors.New("the encoding is none of hex, base32 and base64")
	errAmbiguous = errors.New("the secret could be hex or base32: say which in a column encoding")
	errUnknown   = errors.New("the secret is neither hex, base32 nor base64, or not surely one of them: say which in a column encoding")
	errNotHex    = errors.New("the secret is not hex")
	errNotBase32 = errors.New("the secret is not base32")
	errNotBase64 = errors.New("the secret is not base64")
)

// decode returns the octets of a secret, which people may have written in groups and in
// either case.
func decode(encoding, text string) ([]byte, error) {
	text = strings.ReplaceAll(text, " ", "")
	if text == "" {
		return nil, errNoSecret
	}
	if encoding == "" {
		var err error
		if encoding, err = guess(text); err != nil {
			return nil, err
		}
	}
	switch strings.ToLower(encoding) {
	case "hex":
		if b, err := hex.DecodeString(text); err == nil {
			return b, nil
		}
		return nil, errNotHex
	case "base32":
		text = strings.ToUpper(strings.TrimRight(text, "="))
		// Package base32 passes over a last character that makes no octet.
		if b, err := b32.DecodeString(text); err == nil && b32.EncodeToString(b) == text {
			return b, nil
		}
		return nil, errNotBase32
	case "base64":
		if b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "=")); err == nil {
			return b, nil
		}
		return nil, errNotBase64
	}
	return nil, errEncoding
}

// guess returns the encoding of a secret if there is only one that it can be.
//
// Whatever is hex or base32 could be base64 too, but base64 without a letter beyond F in each
// case is so rare that a damaged one of the others is likelier: it is not guessed.
func guess(text string) (string, error) {
	_, hexErr := decode("hex", text)
	_, base32Err := decode("base32", text)
	upper := strings.ContainsAny(text, "GHIJKLMNOPQRSTUVWXYZ")
	lower := strings.ContainsAny(text, "ghijklmnopqrstuvwxyz")
	switch {
	case upper && lower:
		return "base64", nil
	case hexErr == nil && base32Err == nil:
		return "", errAmbiguous
	case hexErr == nil:
		return "hex", nil
	case base32Err == nil:
		return "base32", nil
	}
	return "", errUnknown
}
