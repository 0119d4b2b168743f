package dictionary

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	freeradius "layeh.com/radius/dictionary"
)

func load(t testing.TB, files ...string) *Dictionary {
	t.Helper()
	d, err := Load(files...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// write makes an operator's dictionary.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEmbeddedDictionariesLoad(t *testing.T) {
	d := load(t)
	for name, want := range map[string]number{
		"User-Name":                 {0, 1},
		"message-authenticator":     {0, 80},
		"MS-CHAP2-Response":         {311, 25},
		"Cisco-AVPair":              {9, 1},
		"ASA-Group-Policy":          {3076, 25},
		"Fortinet-Group-Name":       {12356, 1},
		"PaloAlto-Client-Source-IP": {25461, 7},
		"Juniper-Local-User-Name":   {2636, 1},
		"Mikrotik-Group":            {14988, 3},
		"Aruba-User-Role":           {14823, 1},
		"CP-Gaia-User-Role":         {2620, 229},
		"Citrix-User-Groups":        {66, 16},
		"F5-LTM-User-Role":          {3375, 1},
	} {
		a, ok := d.Attribute(name)
		if got := (number{a.Vendor.Number, a.Number}); !ok || got != want || !strings.EqualFold(a.Name, name) {
			t.Errorf("%s is %v %s, want %v", name, got, a.Name, want)
		}
	}
}

// Load takes identical repetitions from an operator. In our own files there are none.
func TestEmbeddedDictionariesHaveNoDuplicates(t *testing.T) {
	d := load(t)
	for _, a := range d.byName {
		names, numbers := make(map[string]bool), make(map[uint64]bool)
		for _, v := range a.values {
			if names[strings.ToLower(v.name)] || numbers[v.number] {
				t.Errorf("%s: value %s %d stands twice", a.Name, v.name, v.number)
			}
			names[strings.ToLower(v.name)], numbers[v.number] = true, true
		}
		if len(a.values) > 0 && integerBits(a.Type) == 0 {
			t.Errorf("%s of type %s has named values", a.Name, a.Type)
		}
	}
	lines := 0
	files, _ := embedded.ReadDir("embedded")
	for _, f := range files {
		text, err := embedded.ReadFile("embedded/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(text), "\nATTRIBUTE ")
	}
	if lines != len(d.byName) || lines < 400 {
		t.Errorf("%d ATTRIBUTE lines make %d attributes", lines, len(d.byName))
	}
}

func TestOperatorAddsAttributes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"dictionary of acme": `
# Blanks in a path, a line of blanks, a vendor of our own with long types.
	 	
VENDOR Acme 99999 format=2,1
BEGIN-VENDOR Acme
ATTRIBUTE Acme-Role 300 integer
VALUE Acme-Role Admin 1
END-VENDOR Acme
$INCLUDE more`,
		"more": `
VENDOR Cisco 9
BEGIN-VENDOR Cisco
ATTRIBUTE Cisco-AVPair 1 string # as it is
ATTRIBUTE Cisco-Special 99 string
END-VENDOR Cisco
VALUE Service-Type Acme-Login 77
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := load(t, filepath.Join(dir, "dictionary of acme"))
	for _, tt := range []struct{ name, text, want string }{
		{"Acme-Role", "admin", "1a 0001869f012c0700000001"},
		{"Cisco-Special", "x", "1a 00000009630378"},
		{"Service-Type", "Acme-Login", "06 0000004d"},
	} {
		v, err := d.Parse(tt.name, tt.text)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := wire(t, v); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestOperatorFaultsNameFileAndLine(t *testing.T) {
	vendor := func(lines string) string {
		return "VENDOR Acme 99999\nBEGIN-VENDOR Acme\n" + lines + "\nEND-VENDOR Acme\n"
	}
	for _, tt := range []struct{ name, text, want string }{
		{"a line that is none", "\nATTRIBUTE Acme-X one string", `x:2: invalid`},
		{"unknown word", "ATRIBUTE Acme-X 1 string", `x:1: unknown line`},
		{"unknown type", "\n\nATTRIBUTE Acme-X 1 strange", `x:3: unknown attribute type "strange`},
		{"a name with another meaning", "ATTRIBUTE Filter-Id 200 string",
			`x:1: Filter-Id: the name belongs to Filter-Id already, at embedded/standard:14`},
		{"a name of another vendor", vendor("ATTRIBUTE filter-id 1 string"),
			`x:3: filter-id: the name belongs to Filter-Id already, at embedded/standard:14`},
		{"a number that is taken", "ATTRIBUTE My-Filter 11 string",
			`x:1: My-Filter: number 11 belongs to Filter-Id already, at embedded/standard:14`},
		{"a vendor that is taken", "VENDOR Acme 9", `x:1: `},
		{"a number beyond its octet", vendor("ATTRIBUTE Acme-X 256 string"), `x:3: Acme-X: number 256 does not fit in 8 bits`},
		{"number 0", "ATTRIBUTE Acme-X 0 string", `x:1: Acme-X: number 0 does not fit`},
		{"a value of nothing", "VALUE Filter-It a 1", `x:1: VALUE of an unknown attribute Filter-It: did you mean Filter-Id?`},
		{"an open vendor", "VENDOR Acme 99999\nBEGIN-VENDOR Acme\n", `x:2: unclosed`},
		{"a file in itself", "$INCLUDE x", `x is read already`},
		{"a missing file", "\n$INCLUDE gone", `x:2: open `},
		{"lengths of 9 octets", "VENDOR Acme 99999 format=1,9", `a length of 9 octets`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(write(t, "x", tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "dictionary: ") {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
	if _, err := Load("/nonexistent/dictionary"); err == nil || !strings.Contains(err.Error(), "/nonexistent/dictionary") {
		t.Errorf("a missing dictionary: %v", err)
	}
}

// A part of a TLV loads, because vendors' files have them, and is refused in use.
func TestPartOfTLVIsRefusedInUse(t *testing.T) {
	d := load(t, write(t, "x", "VENDOR Acme 99999\nBEGIN-VENDOR Acme\nATTRIBUTE Acme-T 1 tlv\nATTRIBUTE Acme-T-A 1.2 integer\nEND-VENDOR Acme"))
	for _, name := range []string{"Acme-T", "Acme-T-A"} {
		if _, err := d.Parse(name, "1"); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if a, _ := d.Attribute("Acme-T"); a.Type != freeradius.AttributeTLV {
		t.Errorf("Acme-T is %s", a.Type)
	}
}
