package sms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// values returns what the templates can name.
func (g *Gateway) values(m message) map[string]any {
	values := m.values()
	values["sender"] = g.Sender
	for name, secret := range g.Secrets {
		values[name] = secret
	}
	return values
}

// request returns the request that sends the message.
func (g *Gateway) request(ctx context.Context, m message) (*http.Request, error) {
	values := g.values(m)
	address, err := fill("url", g.URL, values, percent)
	if err != nil {
		return nil, err
	}
	header := http.Header{"User-Agent": {"radpush"}}
	for _, name := range slices.Sorted(maps.Keys(g.Header)) {
		value, err := fill("header "+name, g.Header[name], values, oneLine)
		if err != nil {
			return nil, err
		}
		header.Set(name, value)
	}
	body, method := "", cmp.Or(g.Method, http.MethodGet)
	if g.Body != "" {
		escape, err := escaper(header.Get("Content-Type"))
		if err != nil {
			return nil, err
		}
		if body, err = fill("body", g.Body, values, escape); err != nil {
			return nil, err
		}
		method = cmp.Or(g.Method, http.MethodPost)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL or the method is malformed") // err has the URL in it
	}
	request.Header = header
	if g.User != "" {
		request.SetBasicAuth(g.User, g.Password)
	}
	return request, nil
}

// escaper returns what makes a value safe in a body of that type.
func escaper(contentType string) (func(string) string, error) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return nil, errors.New("body: the header Content-Type has to say what it is")
	case !strings.EqualFold(cmp.Or(parameters["charset"], "utf-8"), "utf-8"):
		return nil, errors.New("body: the charset of Content-Type can be utf-8 only")
	case kind == "application/x-www-form-urlencoded":
		return percent, nil
	case isJSON(kind):
		return jsonText, nil
	case isXML(kind):
		return xmlText, nil
	case kind == "text/plain":
		return verbatim, nil
	}
	return nil, fmt.Errorf("body: how to escape values in %s is not known; a form, JSON, XML and text/plain are possible", kind)
}

func isJSON(kind string) bool { return kind == "application/json" || strings.HasSuffix(kind, "+json") }

func isXML(kind string) bool {
	return kind == "application/xml" || kind == "text/xml" || strings.HasSuffix(kind, "+xml")
}
