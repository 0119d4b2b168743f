package seeds

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("serial,user,type,secret,encoding,algorithm,digits,period,counter\nA,alice,totp," + asHex + ",hex,SHA256,8,60,\n"))
	f.Add([]byte(bom + "Secret;Type;Serial;;\r\n# a comment\r\n\"" + asBase32 + "\";HOTP;\"B;1\";;\r\n;;;;\r\n"))
	f.Add([]byte("type\tserial\tsecret\ncounter\thotp\tC\t" + asBase64))
	f.Add([]byte("A, " + asHex + ", hotp, 6, 345\nB, " + asHex + ", TOTP, 8, 60\n"))
	f.Add([]byte("serial,type,secret\n\"A,totp," + asHex + "\nA,totp,\"" + asHex + "\"x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		seeds, err := ReadCSV(bytes.NewReader(b))
		sound(t, b, seeds, err)
	})
}

func FuzzReadPSKC(f *testing.F) {
	key := Key{PreShared: unhex(f, "12345678901234567890123456789012")}
	for _, name := range []string{"rfc6030-figure2.xml", "rfc6030-figure5.xml", "rfc6030-figure6.xml", "rfc6030-figure7.xml", "totp-preshared.xml"} {
		f.Add([]byte(read(f, name)))
	}
	f.Add([]byte(container(plainSecret, "<Policy><ExpiryDate>2030-01-01T00:00:00Z</ExpiryDate></Policy>")))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, k := range []Key{{}, key} {
			seeds, err := ReadPSKC(bytes.NewReader(b), k, now)
			sound(t, b, seeds, err)
		}
	})
}

// sound holds what is promised of any file: seeds that are good and each of its kind, or an
// error and nothing else.
func sound(t *testing.T, file []byte, seeds []Seed, err error) {
	if err != nil {
		if seeds != nil || !strings.HasPrefix(err.Error(), "seeds: ") {
			t.Errorf("%d seeds and the error %v", len(seeds), err)
		}
		return
	}
	if len(seeds) == 0 {
		t.Error("neither seeds nor an error")
	}
	serials := make(map[string]bool)
	for _, s := range seeds {
		if err := s.Token.Check(); err != nil {
			t.Errorf("%v: %v", s, err)
		}
		if s.Token.ID == "" || serials[s.Token.ID] {
			t.Errorf("%v: no serial number, or twice", s)
		}
		serials[s.Token.ID] = true
		if s.Line < 1 || s.Line > bytes.Count(file, []byte("\n"))+1 {
			t.Errorf("%v: no such line", s)
		}
	}
}
