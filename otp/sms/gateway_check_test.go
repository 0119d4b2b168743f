package sms_test

import (
	"strings"
	"testing"

	"radpush/otp/sms"
)

func TestGatewayCheck(t *testing.T) {
	const address = "https://h/?to={{number}}&text={{text}}"
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	typed := func(kind string) map[string]string { return map[string]string{"Content-Type": kind} }
	for name, c := range map[string]struct {
		gateway *sms.Gateway
		want    []string // faults
	}{
		"smallest":         {&sms.Gateway{URL: address}, nil},
		"query after host": {&sms.Gateway{URL: "https://h?to={{number}}&text={{text}}"}, nil},
		"plain HTTP":       {&sms.Gateway{URL: "http://127.0.0.1:13013/?to={{digits}}&text={{text}}"}, nil},
		"empty":            {&sms.Gateway{}, []string{"https:// and a host", "nowhere"}},
		"no scheme":        {&sms.Gateway{URL: "h/?{{number}}{{text}}"}, []string{"https:// and a host"}},
		"other scheme":     {&sms.Gateway{URL: "ftp://h/?{{number}}{{text}}"}, []string{"https:// and a host"}},
		"no host":          {&sms.Gateway{URL: "https:///x?{{number}}{{text}}"}, []string{"https:// and a host"}},
		"port alone":       {&sms.Gateway{URL: "https://:443/?{{number}}{{text}}"}, []string{"https:// and a host"}},
		"host templated":   {&sms.Gateway{URL: "https://{{digits}}.h/?{{text}}"}, []string{"https:// and a host"}},
		"host continued":   {&sms.Gateway{URL: "https://h{{digits}}/?{{text}}"}, []string{"after the slash"}},
		"port templated":   {&sms.Gateway{URL: "https://h:{{digits}}/?{{text}}"}, []string{"after the slash"}},
		"user in URL":      {&sms.Gateway{URL: "https://bob:hunter2@h/?{{number}}{{text}}"}, []string{"fields of their own"}},
		"bad port":         {&sms.Gateway{URL: "https://bob:hunt/er2@h/?{{number}}{{text}}"}, []string{"https:// and a host", "malformed"}},
		"two queries":      {&sms.Gateway{URL: "https://h/?a=b?to={{number}}&text={{text}}"}, []string{"a second ? is %3F"}},
		"fragment":         {&sms.Gateway{URL: "https://h/#{{number}}{{text}}"}, []string{"a # of a value is %23"}},
		"no text":          {&sms.Gateway{URL: "https://h/?to={{number}}"}, []string{"the text is nowhere"}},
		"no number":        {&sms.Gateway{URL: "https://h/?text={{text}}"}, []string{"the number is nowhere"}},
		"typing error":     {&sms.Gateway{URL: "https://h/?text={{txt}}&to={{number}}"}, []string{`url:1: function "txt" not defined`}},
		"Go's dot":         {&sms.Gateway{URL: "https://h/?text={{.text}}&to={{number}}"}, []string{"can't evaluate field text"}},
		"in else":          {&sms.Gateway{URL: address + "{{if gsm}}{{else}}{{.x}}{{end}}"}, []string{"can't evaluate field x"}},
		"method":           {&sms.Gateway{URL: address, Method: "post"}, []string{"method: GET, POST and PUT"}},
		"GET with body":    {&sms.Gateway{URL: address, Method: "GET", Body: "a=1", Header: form}, []string{"GET has no body"}},
		"no type":          {&sms.Gateway{URL: address, Body: "a=1"}, []string{"Content-Type has to say"}},
		"unknown type":     {&sms.Gateway{URL: address, Body: "a", Header: typed("multipart/form-data; boundary=x")}, []string{"multipart/form-data is not known"}},
		"charset":          {&sms.Gateway{URL: address, Body: "a", Header: typed("text/plain; charset=iso-8859-1")}, []string{"utf-8 only"}},
		"JSON":             {&sms.Gateway{URL: "https://h/", Body: `{"to":"{{number}}","text":{{text}}}`, Header: typed("application/json")}, []string{"between quotes"}},
		"JSON in else":     {&sms.Gateway{URL: "https://h/", Body: `{"to":"{{number}}","text":{{if gsm}}"{{text}}"{{else}}{{text}}{{end}}}`, Header: typed("application/json")}, []string{"between quotes"}},
		"JSON of a kind":   {&sms.Gateway{URL: "https://h/", Body: `{"to":"{{number}}","text":{{text}}}`, Header: typed("application/vnd.x+json")}, []string{"between quotes"}},
		"XML":              {&sms.Gateway{URL: "https://h/", Body: `<m><to>{{number}}</to>{{text}}`, Header: typed("text/xml")}, []string{"well-formed"}},
		"headers": {&sms.Gateway{URL: address, User: "u", Password: "p", Header: map[string]string{"A B": "x", "host": "x", "authorization": "x", "X": "{{y}}"}},
			[]string{`"A B"`, "Authorization", "header Host", `header X:1: function "y"`}},
		"secrets": {&sms.Gateway{URL: address, Secrets: map[string]string{"gsm": "x", "sender": "x", "token": "", "key": "x\n"}},
			[]string{"secret gsm: the name stands", "secret key: it has a line end", "secret sender: the name stands", "secret token: it is empty"}},
		"secret's name": {&sms.Gateway{URL: address, Secrets: map[string]string{"api-key": "hunter2"}}, []string{`"api-key" is no name`}},
		"no password":   {&sms.Gateway{URL: address, User: "u"}, []string{"one of them is missing"}},
		"no user":       {&sms.Gateway{URL: address, Password: "hunter2"}, []string{"one of them is missing"}},
		"colon":         {&sms.Gateway{URL: address, User: "u:v", Password: "hunter2"}, []string{"colon"}},
		"line end":      {&sms.Gateway{URL: address, User: "u", Password: "hunter2\n"}, []string{"a line end"}},
		"status":        {&sms.Gateway{URL: address, Status: []int{20, 503}}, []string{"status 20", "429 and 503"}},
		"answer":        {&sms.Gateway{URL: address, Answer: "OK ("}, []string{"answer: error parsing regexp"}},
		"JSON path":     {&sms.Gateway{URL: address, JSON: map[string]string{"a..b": "1"}}, []string{`json "a..b"`}},
		"bounds":        {&sms.Gateway{URL: address, Timeout: -1}, []string{"negative"}},
		"all at once": {&sms.Gateway{URL: "h", Method: "x", Status: []int{1}, AtOnce: -1},
			[]string{"method", "status 1", "https://", "nowhere", "negative"}},
	} {
		err := c.gateway.Check()
		faults(t, name, err, c.want)
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: a secret: %v", name, err)
		}
	}
}

func TestGatewayCheckOfPresets(t *testing.T) {
	for _, g := range []*sms.Gateway{
		sms.Twilio(account, password, "+12025550100"), sms.Vonage("key", password, "Example"),
		sms.Kannel("http://127.0.0.1:13013/cgi-bin/sendsms", "radpush", password, ""),
	} {
		if err := g.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, g := range []*sms.Gateway{
		sms.Twilio(account, "", "x"), sms.Vonage("", "secret", "x"), sms.Kannel("", "u", "p", ""), sms.Kannel("http://h/", "u", "", ""), sms.Kannel("http://h/?a=b", "u", "p", ""),
	} {
		if err := g.Check(); err == nil {
			t.Errorf("%v: no fault", g)
		}
	}
}

// faults checks that an error is made of the faults that are wanted, each in a line.
func faults(t *testing.T, name string, err error, want []string) {
	t.Helper()
	var lines []string
	if err != nil {
		lines = strings.Split(err.Error(), "\n")
	}
	if len(lines) != len(want) {
		t.Errorf("%s: %d faults, want %d:\n%v", name, len(lines), len(want), err)
		return
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, "sms: check ") || !strings.Contains(line, want[i]) {
			t.Errorf("%s: fault %q, want %q", name, line, want[i])
		}
	}
}
