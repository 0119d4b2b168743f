package page_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A reverse proxy that takes ETags away is not asked without a pause.
func TestBehindAProxyThatTakesETagsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	to, err := url.Parse(w.origin())
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		ModifyResponse: func(r *http.Response) error {
			if strings.HasSuffix(r.Request.URL.Path, "/challenges") {
				asked.Add(1)
				r.Header.Del("ETag")
			}
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	b := browse(t, w)
	b.origin = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	b.open(strings.Replace(w.link(t, "alice"), w.origin(), b.origin, 1))
	b.tap("#enrol .main")
	b.screen("home", "Ready")
	asked.Store(0)
	began := time.Now()
	for asked.Load() < 4 && time.Since(began) < patience {
		time.Sleep(20 * time.Millisecond)
	}
	if took := time.Since(began); took < 3*time.Second { // it may begin anew twice while it starts
		t.Errorf("asked %d times in %v", asked.Load(), took)
	}
}
