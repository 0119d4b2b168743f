package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestToBase32(t *testing.T) {
	for text, want := range map[string]string{
		"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ":                "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		"gezd gnbv-gy3t qojq\tgezd gnbv gy3t qojq":        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		"3132333435363738393031323334353637383930":        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		"31 32 33 34 35 36 37 38 39 30 ab AB ab AB ab ab": "GEZDGNBVGY3TQOJQVOV2XK5LVM",
		"MFRGGZDFMZTWQ2LKNNWG2===":                        "MFRGGZDFMZTWQ2LKNNWG2",
		"MFRGGZDFMZTWQ2LKNNWG3":                           "MFRGGZDFMZTWQ2LKNNWG2", // the last character has bits that say nothing
		"base32:ABCDEF234567ABCD":                         "ABCDEF234567ABCD",
		"hex:ABCDEF234567ABCDEF":                          "VPG66I2FM6V433Y",
		"hex: ab cd":                                      "VPGQ",
		"ABCDEF234567ABCD":                                "",
		"hex:GEZDGNBVGY3TQOJQ":                            "",
		"base32:3132333435363738":                         "",
		"hex:base32:ABCDEF234567ABCD":                     "",
		"0189:GEZD":                                       "",
	} {
		got, err := toBase32(text)
		if (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "GEZD") {
			t.Errorf("%v repeats the secret", err)
		}
	}
}

// A file is told by how it begins, whatever some programs put in front.
func TestSeedFileFormat(t *testing.T) {
	const pskc = `<?xml version="1.0"?><KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"><KeyPackage>
		<DeviceInfo><SerialNo>A-1</SerialNo></DeviceInfo><Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp">
		<AlgorithmParameters><ResponseFormat Length="6" Encoding="DECIMAL"/></AlgorithmParameters>
		<Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret></Data></Key></KeyPackage></KeyContainer>`
	const csv = "serial,type,secret,encoding\nA-1,hotp,3132333435363738393031323334353637383930,hex\n"
	for text, ok := range map[string]bool{
		pskc: true, "\n\t " + pskc: true, "\ufeff" + csv: true, csv: true, "\r\n" + csv: true, "": false, "<": false,
	} {
		name := filepath.Join(t.TempDir(), "seeds")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := seedFile{name: name}.read(nil)
		if (err == nil) != ok || ok && (len(list) != 1 || list[0].Token.Secret != "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") {
			t.Errorf("%.20q: %v, %v", text, list, err)
		}
	}
}

func TestShowWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		done := showWaiting(&out, "9000 tokens")
		time.Sleep(2500 * time.Millisecond)
		done()
		if got := strings.ReplaceAll(out.String(), " ", ""); got != "\r9000tokens…0s\r9000tokens…1s\r9000tokens…2s\r\r" {
			t.Errorf("%q", got)
		}
	})
}
