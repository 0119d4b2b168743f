package seeds

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"radpush/otp"
)

// now is inside of all validities in testdata.
var now = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The figures of RFC 6030; the keys are in sections 6.1 and 6.2.
func TestSeeds_3_1_ReadsFiguresOfRFC6030(t *testing.T) {
	preShared := Key{PreShared: unhex(t, "12345678901234567890123456789012")}
	for _, tt := range []struct {
		file string
		key  Key
		line int
	}{
		{"rfc6030-figure5.xml", Key{}, 5},
		{"rfc6030-figure6.xml", preShared, 20},
		{"rfc6030-figure7.xml", Key{Password: "qwerty"}, 40},
	} {
		got, err := ReadPSKC(strings.NewReader(read(t, tt.file)), tt.key, now)
		want := []Seed{{Token: hotp("987654321", 8, 0), Line: tt.line}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, %+v", tt.file, err, got, tokens(got))
			continue
		}
		if code := got[0].Token.Code(0); code != "84755224" { // RFC 4226, appendix D, of 8 digits
			t.Errorf("%s: the first code is %s", tt.file, code)
		}
	}
	_, err := ReadPSKC(strings.NewReader(read(t, "rfc6030-figure2.xml")), Key{}, now)
	holds(t, err, `seeds: line 5, token "12345678": otp: the secret has 32 bits`)
}

// Made with OpenSSL: AES-256, HMAC-SHA-256, encrypted numbers; PBKDF2 with HMAC-SHA-256.
func TestSeeds_3_1_ReadsEncryptedTOTP(t *testing.T) {
	preShared := make([]byte, 32)
	for i := range preShared {
		preShared[i] = byte(i)
	}
	want := []Seed{{User: "UID=alice,DC=example,DC=net", Expires: time.Date(2035, 6, 30, 0, 0, 0, 0, time.UTC),
		Token: otp.Token{ID: "T-0001", Secret: b32.EncodeToString([]byte("12345678901234567890123456789012")),
			Algorithm: otp.SHA256, Digits: 8, Period: time.Minute, Drift: -4}},
		{Token: hotp("H-0002", 6, 258)}}
	for _, tt := range []struct {
		file string
		key  Key
	}{
		{"totp-preshared.xml", Key{PreShared: preShared}},
		{"totp-password.xml", Key{Password: "correct horse battery staple"}},
	} {
		got, err := ReadPSKC(strings.NewReader(read(t, tt.file)), tt.key, now)
		for i := range got {
			got[i].Line = 0
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, %+v", tt.file, err, got, tokens(got))
		}
	}
}

// Whatever is wrong with key, padding or MAC: one error, which tells nothing.
func TestPSKCDoesNotOpen(t *testing.T) {
	right := Key{PreShared: unhex(t, "12345678901234567890123456789012")}
	figure6, figure7 := read(t, "rfc6030-figure6.xml"), read(t, "rfc6030-figure7.xml")
	change := func(file, old, new string) string {
		changed := strings.Replace(file, old, new, 1)
		if changed == file {
			t.Fatalf("%q is not in the file", old)
		}
		return changed
	}
	type wrong struct {
		name, file string
		key        Key
	}
	all := []wrong{
		{"no key", figure6, Key{}},
		{"no password", figure7, Key{}},
		{"a password, not a key", figure6, Key{Password: "qwerty"}},
		{"a key, not a password", figure7, right},
		{"a short key", figure6, Key{PreShared: right.PreShared[:15]}},
		{"a key of AES-256", figure6, Key{PreShared: slices.Concat(right.PreShared, right.PreShared)}},
		{"another password", figure7, Key{Password: "qwertz"}},
		{"no MAC method", change(change(figure6, "<MACMethod", "<Extensions><MACMethod"), "</MACMethod>", "</MACMethod></Extensions>"), right},
		{"no MAC", change(figure6, "Su+NvtQfmvfJzF6bmQiJqoLRExc=", ""), right},
		{"another MAC", change(figure6, "Su+N", "Su+M"), right},
		{"half a MAC", change(figure6, "Su+NvtQfmvfJzF6bmQiJqoLRExc=", "Su+NvtQfmvfJzA=="), right},
		{"a MAC that is no base64", change(figure6, "Su+N", "Su*N"), right},
		{"another IV", change(figure6, "AAEC", "AAED"), right},
		{"another last block", change(figure6, "jwZqIUqGv", "jwZqIUqGw"), right},
		{"a block less", change(figure6, "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv", "AAECAwQFBgcICQoLDA0ODw=="), right},
		{"no whole blocks", change(figure6, "AAECAwQF", ""), right},
		{"no ciphertext", change(figure6, "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv", ""), right},
		{"another MAC key", change(figure6, "ESIz", "ESIy"), right},
		{"a MAC key with broken padding", change(figure6, "7I5wSX", "7I5wSY"), right},
		{"a MAC key of one block", change(figure6, "ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX", "ESIzRFVmd4iZABEiM0RVZg=="), right},
	}
	for i := range 256 { // some of them find a padding by chance
		key := slices.Clone(right.PreShared)
		key[0], key[1] = key[0]^byte(i), key[1]^1
		all = append(all, wrong{fmt.Sprint("wrong key ", i), figure6, Key{PreShared: key}})
	}
	for _, w := range all {
		if got, err := ReadPSKC(strings.NewReader(w.file), w.key, now); got != nil || err != ErrKey {
			t.Errorf("%s: %v, %v", w.name, got, err)
		}
	}
}

// container is a file with one key of TOTP in plain, or what data and rest make of it.
func container(data, rest string) string {
	return `<KeyContainer Version="1.0" xmlns="` + namespace + `">
<KeyPackage><Key Id="A" Algorithm="` + namespace + `:totp"><Data>` + data + `</Data>` + rest + `</Key></KeyPackage>
</KeyContainer>`
}

const plainSecret = "<Secret><PlainValue>" + asBase64 + "</PlainValue></Secret>"

func TestPSKCPolicies(t *testing.T) {
	for policy, want := range map[string]string{
		"":          "",
		"<Policy/>": "",
		"<Policy><KeyUsage>CR</KeyUsage><KeyUsage>OTP</KeyUsage></Policy>":         "",
		"<Policy><PINPolicy PINUsageMode='Local' MinLength='4'/></Policy>":         "",
		"<Policy><ExpiryDate>2030-01-01T00:00:00Z</ExpiryDate></Policy>":           "", // inclusive
		"<Policy><ExpiryDate>2029-12-31T23:59:59.5+00:00</ExpiryDate></Policy>":    "it must not be used after 2029-12-31",
		"<Policy><ExpiryDate>2030-01-01T01:00:00+02:00</ExpiryDate></Policy>":      "it must not be used after",
		"<Policy><StartDate>2030-01-01T00:00:01</StartDate></Policy>":              "it must not be used before 2030-01-01",
		"<Policy><StartDate>soon</StartDate></Policy>":                             "is no date",
		"<Policy><KeyUsage>Encrypt</KeyUsage></Policy>":                            "its policy forbids OTP",
		"<Policy><NumberOfTransactions>1000</NumberOfTransactions></Policy>":       "limits how often",
		"<Policy><PINPolicy PINUsageMode='Prepend'/></Policy>":                     "wants a PIN with the code",
		"<Policy><PINPolicy PINUsageMode='Algorithmic'/></Policy>":                 "wants a PIN with the code",
		"<Policy><x:Weekdays xmlns:x='urn:x'>1-5</x:Weekdays></Policy>":            "elements beyond RFC 6030",
		"<AlgorithmParameters><ResponseFormat Length='6' Encoding='HEXADECIMAL'/>": "not decimal",
		"<AlgorithmParameters><ResponseFormat Length='6' CheckDigits='true'/>":     "check digit",
		"<AlgorithmParameters><ResponseFormat Length='six'/>":                      "the length of a code is no number",
		"<AlgorithmParameters><Suite>MD5</Suite>":                                  "the algorithm is none of",
	} {
		if strings.HasPrefix(policy, "<AlgorithmParameters>") {
			policy += "</AlgorithmParameters>"
		}
		got, err := ReadPSKC(strings.NewReader(container(plainSecret, policy)), Key{}, now)
		switch {
		case want == "" && (err != nil || len(got) != 1):
			t.Errorf("%s: %v", policy, err)
		case want != "":
			if got != nil {
				t.Errorf("%s: %v", policy, got)
			}
			holds(t, err, `seeds: line 2, token "A"`, want)
		}
	}
}

func TestRefusesPSKC(t *testing.T) {
	derived := func(from, to string) string {
		return strings.Replace(read(t, "rfc6030-figure7.xml"), from, to, 1)
	}
	encryption := "<EncryptionKey/>"
	deep := strings.Repeat("<a>", maxDepth)
	password := Key{Password: "qwerty"}
	for name, tt := range map[string]struct {
		file string
		key  Key
		want string
	}{
		"nothing":             {"", Key{}, "no PSKC container"},
		"another document":    {"<KeyContainer/>", Key{}, "no PSKC container"},
		"no XML":              {"serial,type,secret", Key{}, "no PSKC container"},
		"no package":          {`<KeyContainer xmlns="` + namespace + `"/>`, Key{}, "the file has no token"},
		"half a file":         {container(plainSecret, "")[:250], Key{}, "XML syntax error on line 2"},
		"half a container":    {strings.TrimSuffix(container(plainSecret, ""), "</KeyContainer>"), Key{}, "XML syntax error"},
		"a document type":     {`<!DOCTYPE KeyContainer [<!ENTITY a "aaaa">]>` + container(plainSecret, ""), Key{}, "document type"},
		"an entity":           {container("<Secret><PlainValue>&a;</PlainValue></Secret>", ""), Key{}, "invalid character entity"},
		"too deep":            {container(plainSecret, deep), Key{}, "inside each other"},
		"too deep, unclosed":  {strings.Repeat("<a>", 1000), Key{}, "inside each other"},
		"a huge tag":          {"<a" + strings.Repeat(` b=">"`, maxPart/4), Key{}, "more than 64 KiB"},
		"a huge text":         {container("<Secret><PlainValue>"+strings.Repeat("A", maxPart)+"</PlainValue></Secret>", ""), Key{}, "more than 64 KiB"},
		"many keys":           {container(plainSecret, "</Key>"+strings.Repeat("<Key/>", maxPart/6)+"<Key>"), Key{}, "more than 64 KiB"},
		"another charset":     {`<?xml version="1.0" encoding="ISO-8859-1"?>` + container(plainSecret, ""), Key{}, "ISO-8859-1"},
		"too large":           {strings.Repeat(" ", maxSize+1), Key{}, "more than 32 MiB"},
		"no secret":           {container("", "<KeyReference>MasterKeyLabel</KeyReference>"), Key{}, `line 2, token "A": there is no secret`},
		"no base64":           {container("<Secret><PlainValue>*</PlainValue></Secret>", ""), Key{}, `token "A": the secret is not base64`},
		"a secret too long":   {container("<Secret><PlainValue>"+strings.Repeat("AAAA", 43)+"</PlainValue></Secret>", ""), Key{}, "more than 1024 bits"},
		"a period of 45 s":    {container(plainSecret+"<TimeInterval><PlainValue>45</PlainValue></TimeInterval>", ""), Key{}, "period of 45s"},
		"too much drift":      {container(plainSecret+"<TimeDrift><PlainValue>-1001</PlainValue></TimeDrift>", ""), Key{}, "the drift is more than 1000 steps"},
		"OCRA":                {strings.Replace(container(plainSecret, ""), ":totp", ":ocra", 1), Key{}, "neither totp nor hotp"},
		"no serial":           {strings.Replace(container(plainSecret, ""), `Id="A"`, "", 1), Key{}, "line 2: the serial number is empty"},
		"serial twice":        {strings.Replace(container(plainSecret, ""), "</KeyContainer>", container(plainSecret, "")[strings.Index(container("", ""), "<KeyPackage>"):], 1), Key{}, "line 2 has this serial number too"},
		"plain beside a key":  {container(plainSecret, ""), password, `token "A": the secret is not encrypted`},
		"plain in encrypted":  {strings.Replace(container(plainSecret, ""), "<KeyPackage>", encryption+"<KeyPackage>", 1), Key{}, `token "A": the secret is not encrypted`},
		"two keys":            {strings.Replace(container(plainSecret, ""), "<KeyPackage>", encryption+encryption+"<KeyPackage>", 1), Key{}, "EncryptionKey twice"},
		"a certificate":       {strings.Replace(container(plainSecret, ""), "<KeyPackage>", "<EncryptionKey><X509Data/></EncryptionKey><KeyPackage>", 1), Key{}, "for a certificate"},
		"another derivation":  {derived("#pbkdf2", "#scrypt"), password, "the key derivation \"http"},
		"another PRF":         {derived("<PRF/>", "<PRF Algorithm='#hmac-md5'/>"), password, "\"#hmac-md5\" is not supported"},
		"no salt":             {derived("Ej7/PEpyEpw=", ""), password, "no salt"},
		"no iteration":        {derived(">1000<", ">0<"), password, "not 1 to 2000000 iterations"},
		"too many iterations": {derived(">1000<", ">2000001<"), password, "not 1 to 2000000 iterations"},
		"a key of 17 octets":  {derived("<KeyLength>16", "<KeyLength>17"), password, "no key of AES"},
		"another MAC":         {derived("#hmac-sha1", "#hmac-md5"), password, "#hmac-md5\" is not supported"},
		"another cipher":      {derived("#aes128-cbc", "#tripledes-cbc"), password, "#tripledes-cbc\" is not supported"},
	} {
		got, err := ReadPSKC(strings.NewReader(tt.file), tt.key, now)
		if err == nil || got != nil || !strings.HasPrefix(err.Error(), "seeds: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %d seeds, error %v, want %q", name, len(got), err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), asBase64[:8]) {
			t.Errorf("%s: the error has the secret: %v", name, err)
		}
	}
}

// Who carries a key in a log or an error does not show it.
func TestKeyIsNotShown(t *testing.T) {
	k := Key{PreShared: []byte("0123456789abcdef"), Password: "qwerty"}
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%+v", &k), k.LogValue().String()} {
		if strings.Contains(shown, "qwerty") || strings.Contains(shown, "0123") || strings.Contains(shown, "48 49") {
			t.Errorf("shown as %s", shown)
		}
	}
}
