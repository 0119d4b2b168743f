package web

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"path/filepath"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// ACME has a certificate issued, and renewed before it runs out, by an authority that speaks
// ACME (RFC 8555), such as Let's Encrypt. The authority sees that the host is ours by a
// connection to its port 443 (RFC 8737), which has to end here.
type ACME struct {
	Host      string       // a name, not an address
	Email     string       // whom the authority can turn to
	Directory string       // URL of the authority; Let's Encrypt if empty
	Dir       string       // where account and certificate are kept
	Client    *http.Client // to reach the authority; http.DefaultTransport with a deadline if nil
}

// Certificate returns the certificate, to be issued at the first handshake or when Serve
// begins. To use it is to agree to the authority's terms of service.
func (a ACME) Certificate(log *slog.Logger) *Certificate {
	client := &acme.Client{DirectoryURL: a.Directory, HTTPClient: a.Client, UserAgent: "radpush"}
	if a.Directory == "" {
		client.DirectoryURL = autocert.DefaultACMEDirectory
	}
	if a.Client == nil {
		client.HTTPClient = &http.Client{Timeout: readTimeout}
	}
	return &Certificate{log: log, host: a.Host, acme: &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(filepath.Join(a.Dir, "acme")), // files 0600 in a directory 0700
		HostPolicy: autocert.HostWhitelist(a.Host),
		Email:      a.Email,
		Client:     client,
	}}
}

// warm has the certificate issued before somebody needs it, and says if that cannot be.
func (c *Certificate) warm(ctx context.Context) {
	if c.acme == nil {
		return
	}
	issued := make(chan error, 1)
	go func() {
		// As a browser of today asks for it: else an RSA key would be certified.
		_, err := c.acme.GetCertificate(&tls.ClientHelloInfo{ServerName: c.host,
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, SupportedCurves: []tls.CurveID{tls.CurveP256},
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
		issued <- err
	}()
	select {
	case err := <-issued:
		if err != nil {
			c.log.Error("web: no certificate: the authority has to reach this server at port 443 of its name", "host", c.host, "err", err)
			return
		}
		c.log.Info("web: the certificate is there", "host", c.host)
	case <-ctx.Done():
	}
}

// tlsConfig returns what the server's handshakes are made with.
func (c *Certificate) tlsConfig() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
	if c.acme != nil {
		config.NextProtos = append(config.NextProtos, acme.ALPNProto)
	}
	return config
}
