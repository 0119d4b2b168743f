package webpush

import (
	"net"
	"net/http"
)

var Public = public

// Dialer is what connects if Dial is not set.
func (r *Ringer) Dialer() *net.Dialer { return r.dialer() }

// SetClient puts a client in place of the one over a network.
func (r *Ringer) SetClient(c *http.Client) { r.client = c }

// Endpoint returns the endpoint of a token as it is called.
func (r *Ringer) Endpoint(token string) (string, error) {
	s, _, err := r.subscription(token)
	if err != nil {
		return "", err
	}
	return s.Endpoint, nil
}

// Private returns the private key as the library takes it.
func (k Keys) Private() string { return k.private }
