package seeds

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"radpush/otp"
)

// The secret of RFC 4226, appendix D, and of RFC 6238, appendix B, for SHA-1: the digits 1 to
// 0, twice.
const (
	asHex    = "3132333435363738393031323334353637383930"
	asBase32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	asBase64 = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="
)

func totp(id string, digits int, period time.Duration) otp.Token {
	return otp.Token{ID: id, Secret: asBase32, Digits: digits, Period: period}
}

func hotp(id string, digits int, next uint64) otp.Token {
	return otp.Token{ID: id, Secret: asBase32, Digits: digits, HOTP: true, Used: next}
}

func TestSeeds_3_1_ReadsCSV(t *testing.T) {
	long := strings.Repeat("31323334353637383930", 7)
	sha256 := totp("A", 6, 30*time.Second)
	sha256.Algorithm, sha256.Secret = otp.SHA256, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA"
	sha512 := hotp("B", 8, 7)
	sha512.Algorithm, sha512.Secret = otp.SHA512, asBase32+asBase32+asBase32+"GEZDGNA"
	for name, tt := range map[string]struct {
		file string
		want []Seed
	}{
		"all columns": {"serial,user,type,secret,encoding,algorithm,digits,period,counter\n" +
			"A,alice,totp," + long[:64] + ",hex,SHA256,6,30,\nB,,hotp," + long[:128] + ",hex,SHA512,8,,7\n",
			[]Seed{{User: "alice", Token: sha256, Line: 2}, {Token: sha512, Line: 3}}},
		"what is silent": {"type,serial,secret\ntotp,A," + asHex + "\nhotp,B," + asHex + "\n",
			[]Seed{{Token: totp("A", 6, 30*time.Second), Line: 2}, {Token: hotp("B", 6, 0), Line: 3}}},
		"zeros and blanks where a column is for the other type": {"serial,type,secret,period,counter\n" +
			"A,totp," + asHex + ",60,0\nB,hotp," + asHex + ",0,9\nC,hotp," + asHex + ",,",
			[]Seed{{Token: totp("A", 6, time.Minute), Line: 2}, {Token: hotp("B", 6, 9), Line: 3}, {Token: hotp("C", 6, 0), Line: 4}}},
		"all that a spreadsheet does": {bom + "Serial;SECRET;Type;\r\n\r\n# made by hand\r\n\"A;1\";\"" + asHex + "\";TOTP;\r\n;;;\r\n B ; " + asHex + " ;Hotp;\r\n",
			[]Seed{{Token: totp("A;1", 6, 30*time.Second), Line: 4}, {Token: hotp("B", 6, 0), Line: 6}}},
		"tabs and empty fields": {"serial\tuser\ttype\tsecret\nA\t\ttotp\t" + asHex + "\nB\tbob, the second\thotp\t" + asHex,
			[]Seed{{Token: totp("A", 6, 30*time.Second), Line: 2}, {User: "bob, the second", Token: hotp("B", 6, 0), Line: 3}}},
		"encodings told": {"serial,type,secret,encoding\nA,hotp," + asHex + ",HEX\nB,hotp," + strings.ToLower(asBase32) + ",base32\nC,hotp," + asBase64 + ",Base64\nD,hotp," + strings.TrimRight(asBase64, "=") + ",base64",
			[]Seed{{Token: hotp("A", 6, 0), Line: 2}, {Token: hotp("B", 6, 0), Line: 3}, {Token: hotp("C", 6, 0), Line: 4}, {Token: hotp("D", 6, 0), Line: 5}}},
		"encodings guessed": {"serial,type,secret\nA,hotp," + asHex + "\nB,hotp,GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ\nC,hotp," + asBase64,
			[]Seed{{Token: hotp("A", 6, 0), Line: 2}, {Token: hotp("B", 6, 0), Line: 3}, {Token: hotp("C", 6, 0), Line: 4}}},
		"names of algorithms": {"serial,type,secret,algorithm\nA,hotp," + asHex + ",sha-1\nB,hotp," + asHex + ",HMAC-SHA1\nC,hotp," + asHex + ",HmacSHA1",
			[]Seed{{Token: hotp("A", 6, 0), Line: 2}, {Token: hotp("B", 6, 0), Line: 3}, {Token: hotp("C", 6, 0), Line: 4}}},
		"OATH CSV": {"# from another server\nA, " + asHex + ", TOTP, 8, 60\nB, " + asHex + ", hotp, 6, 345\nC, " + asHex + ", hotp\nD, " + asHex + ",totp\n",
			[]Seed{{Token: totp("A", 8, time.Minute), Line: 2}, {Token: hotp("B", 6, 345), Line: 3}, {Token: hotp("C", 6, 0), Line: 4}, {Token: totp("D", 6, 30*time.Second), Line: 5}}},
		"OATH CSV, hash by length": {"A," + long[:64] + ",totp,6,30\nB," + long[:128] + ",hotp,8,7\n",
			[]Seed{{Token: sha256, Line: 1}, {Token: sha512, Line: 2}}},
	} {
		got, err := ReadCSV(strings.NewReader(tt.file))
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v\n got %+v\nwant %+v", name, err, len(got), tokens(got), tokens(tt.want))
		}
	}
}

func tokens(seeds []Seed) (all []otp.Token) {
	for _, s := range seeds {
		all = append(all, s.Token)
	}
	return all
}

func TestSeeds_3_1_CSVTellsAllFaults(t *testing.T) {
	const header = "serial,user,type,secret,encoding,algorithm,digits,period,counter\n"
	got, err := ReadCSV(strings.NewReader(header +
		/* 2 */ "good,,totp," + asHex + ",hex,,,,\n" +
		/* 3 */ "A,,motp," + asHex + ",hex,MD5,six,,\n" +
		/* 4 */ "B,,totp," + asHex + ",hex,,7,45,\n" +
		/* 5 */ "C,,hotp," + asHex + ",hex,,,30,-1\n" +
		/* 6 */ "D,,totp," + asHex[:30] + ",hex,,,,5\n" +
		/* 7 */ "E,,totp," + asHex[:30] + ",hex,,,,\n" +
		/* 8 */ "good,,totp," + asHex + ",hex,,,,\n" +
		/* 9 */ "," + asHex + ",totp,alice,hex,,,,\n" +
		/* 10 */ "F,,totp," + asHex + ",rot13,,,,\n" +
		/* 11 */ "G,,totp," + asHex[:39] + ",,,,,\n" +
		/* 12 */ "H,,totp,2345672345672345,,,,,\n" +
		/* 13 */ "I,,totp,,,,,,\n" +
		/* 14 */ asHex + ",totp,,\n" +
		/* 15 */ "J,,totp,\"" + asHex + "\"x,hex,,,,\n" +
		/* 16 */ "K,al\x07ice,totp," + asHex + ",hex,,,,\n" +
		/* 17 */ "L,,totp," + strings.Repeat("31", 129) + ",hex,,,,\n" +
		/* 18 */ "M,,hotp," + asHex + ",hex,,,,99999999999\n" +
		/* 19 */ "N,,totp," + asBase32[:31] + ",base32,,,,\n" +
		/* 20 */ "O,,totp," + asHex[1:] + ",hex,,,,\n" +
		/* 21 */ "P,,totp," + asBase64[:25] + ",base64,,,,\n"))
	if got != nil {
		t.Errorf("%d seeds beside faults", len(got))
	}
	holds(t, err,
		`line 3, token "A": the length of a code is no number`, `line 3, token "A": the type is neither totp nor hotp`, `line 3, token "A": the algorithm is none of`,
		`line 4, token "B": otp: 7 digits`,
		`line 5, token "C": HOTP has neither period nor drift`,
		`line 6, token "D": TOTP has no counter`,
		`line 7, token "E": otp: the secret has 120 bits`,
		`line 8, token "good": line 2 has this serial number too`,
		"line 9: the secret",
		`line 10, token "F": the encoding is none of hex, base32 and base64`,
		`line 11, token "G": the secret is neither hex, base32 nor base64, or not surely one`,
		`line 12, token "H": the secret could be hex or base32`,
		`line 13, token "I": there is no secret`,
		"line 14: 4 fields, not 9",
		"line 15: extraneous or missing \" in quoted-field",
		`line 16, token "K": the user is too long, or does not print`,
		`line 17, token "L": the secret has more than 1024 bits`,
		`line 18, token "M": the counter is no number, or beyond reason`,
		`line 19, token "N": the secret is not base32`,
		`line 20, token "O": the secret is not hex`,
		`line 21, token "P": the secret is not base64`)
}

// holds fails unless an error has all texts, and if it has a piece of the secret.
func holds(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error has not %q", text)
		}
	}
	for _, secret := range []string{asHex[:12], asHex[20:32], asBase32[:8], asBase64[:8], "12345678901234567890"} {
		if strings.Contains(strings.ToUpper(err.Error()), strings.ToUpper(secret)) {
			t.Errorf("the error has %q of the secret", secret)
		}
	}
	if t.Failed() {
		t.Logf("the error is\n%v", err)
	}
}

func TestRefusesWholeCSV(t *testing.T) {
	row := "A,totp," + asHex + "\n"
	for name, tt := range map[string]struct{ file, want string }{
		"nothing":                {"", "the file has no token"},
		"a header only":          {"serial,type,secret\n", "the file has no token"},
		"no header":              {"A," + asHex + "\n", "line 1: no header line"},
		"no header, tokens":      {"A,totp,alice," + asHex + "\n" + row, "line 1: no header line"},
		"privacyIDEA, version 2": {"# version: 2\nalice,resolver,realm,A," + asHex + ",totp,6,30\n", "line 2: no header line"},
		"Yubico's log":           {"508326,,0," + asHex + ",,2013-12-12T08:41:07,\n", "line 1: no header line"},
		"OCRA only":              {"A," + asHex + ",ocra,OCRA-1:HOTP-SHA1-6:QN08\n", "line 1: no header line"},
		"OCRA among others":      {"B," + asHex + ",totp\nA," + asHex + ",ocra,6\n", `line 2, token "A": the type is neither`},
		"a column is missing":    {"serial,secret\nA," + asHex + "\n", "line 1: column type is missing"},
		"a column is unknown":    {"serial,type,secret,digit\n" + row, "line 1: the name of column 4 is none of serial, type"},
		"a column twice":         {"serial,type,secret,Serial\n" + row, "line 1: column serial is there twice"},
		"a broken header":        {"serial,type,\"secret\"x\n" + row, "line 1: extraneous or missing"},
		"a quote without end":    {"serial,type,secret\n\"" + row, "line 2: extraneous or missing"},
		"a row too short":        {"serial,type,secret,user\n" + row, "line 2: 3 fields, not 4"},
		"OATH CSV, too long":     {"B," + asHex + ",totp\nA," + asHex + ",totp,6,30,x\n", "line 2: 6 fields, not 5"},
		"columns mixed up":       {"secret,type,serial\n" + row, "line 2: the secret is neither hex"},
		"OATH CSV, slipped":      {"B," + asHex + ",totp\n" + asHex + ",totp,6,30\n", "line 2: the secret is not hex"},
		"a long serial":          {"serial,type,secret\n" + strings.Repeat("x", 256) + row, "the serial number is empty, too long"},
		"a long line":            {"serial,type,secret\n" + strings.Repeat(" ", maxLine) + row, "line 2 has more than 4096 octets"},
		"UTF-16":                 {"\xff\xfes\x00e\x00", "not UTF-8"},
		"a file too large":       {strings.Repeat("\n", maxSize+1), "more than 32 MiB"},
		"a token too many":       {"serial,type,secret\n" + strings.Repeat("A,,\n", maxTokens+1), "more than 100000 tokens"},
	} {
		got, err := ReadCSV(strings.NewReader(tt.file))
		if err == nil || got != nil || !strings.HasPrefix(err.Error(), "seeds: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %d seeds, error %v, want %q", name, len(got), err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), asHex[:8]) {
			t.Errorf("%s: the error has the secret: %v", name, err)
		}
	}
}

func TestFaultsAreCounted(t *testing.T) {
	var b strings.Builder
	b.WriteString("serial,type,secret\n")
	for i := range 250 {
		fmt.Fprintf(&b, "%d,totp,00\n", i)
	}
	_, err := ReadCSV(strings.NewReader(b.String()))
	if n := strings.Count(err.Error(), "\n") + 1; n != maxFaults+1 {
		t.Errorf("%d lines of faults, want %d", n, maxFaults+1)
	}
	if !strings.HasSuffix(err.Error(), "seeds: and 150 faults more") {
		t.Errorf("the end is %q", err.Error()[len(err.Error())-60:])
	}
}

func TestSeedKeepsItsSecret(t *testing.T) {
	seeds, err := ReadCSV(strings.NewReader("serial,type,secret\nA,totp," + asHex))
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(seeds[0]), fmt.Sprintf("%+v", seeds), seeds[0].LogValue().String()} {
		if strings.Contains(shown, asBase32) || !strings.Contains(shown, `"A"`) {
			t.Errorf("shown as %s", shown)
		}
	}
}
