package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"radpush/login"
	"radpush/web/wire"
)

// An OperatorClient calls an Operator: over the socket of a running server (see
// [OverSocket]), or in this process (see [InProcess]). Its errors are those of the
// network and *wire.Problem, which is fs.ErrNotExist and fs.ErrExist where it fits.
type OperatorClient struct {
	Transport http.RoundTripper
}

// OverSocket returns a transport to the unix socket at path.
func OverSocket(path string) http.RoundTripper {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		MaxIdleConns:    1,
		IdleConnTimeout: 10 * time.Second,
	}
}

// InProcess returns a transport that calls a handler.
func InProcess(h http.Handler) http.RoundTripper { return inProcess{h} }

type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	a := &answer{header: make(http.Header), status: http.StatusOK}
	r = r.Clone(r.Context())
	r.RequestURI = r.URL.RequestURI() // as a server would have read it
	if r.Body == nil {
		r.Body = http.NoBody
	}
	t.handler.ServeHTTP(a, r)
	r.Body.Close()
	return &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// An answer is a ResponseWriter in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// call sends in, unless it is nil, and returns what comes back.
func call[T any](ctx context.Context, c *OperatorClient, method, path string, query url.Values, in any) (out T, err error) {
	var sent io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return out, fmt.Errorf("web: operator: %w", err)
		}
		sent = bytes.NewReader(b)
	}
	u := url.URL{Scheme: "http", Host: "radpush", Path: operatorPrefix + path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), sent)
	if err != nil {
		return out, fmt.Errorf("web: operator: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.Transport.RoundTrip(r)
	if err != nil {
		return out, fmt.Errorf("web: operator: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		p := wire.NewProblem(resp.StatusCode, "")
		_ = json.NewDecoder(resp.Body).Decode(p) // without a body the status says it
		return out, p
	}
	if resp.StatusCode == http.StatusNoContent {
		return out, nil
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("web: operator: read answer: %w", err)
	}
	return out, nil
}

// do is call where nothing but an error comes back.
func do(ctx context.Context, c *OperatorClient, method, path string, query url.Values, in any) error {
	_, err := call[struct{}](ctx, c, method, path, query, in)
	return err
}

func user(name string) url.Values      { return url.Values{"user": {name}} }
func token(name, id string) url.Values { return url.Values{"user": {name}, "id": {id}} }

// ListUsers returns all users.
func (c *OperatorClient) ListUsers(ctx context.Context) ([]User, error) {
	return call[[]User](ctx, c, http.MethodGet, "users", nil, nil)
}

// ShowUser returns a user.
func (c *OperatorClient) ShowUser(ctx context.Context, name string) (User, error) {
	return call[User](ctx, c, http.MethodGet, "user", user(name), nil)
}

// AddUser makes a user.
func (c *OperatorClient) AddUser(ctx context.Context, name string) (User, error) {
	return call[User](ctx, c, http.MethodPost, "user", user(name), nil)
}

// RemoveUser removes a user with all tokens and devices.
func (c *OperatorClient) RemoveUser(ctx context.Context, name string) error {
	return do(ctx, c, http.MethodDelete, "user", user(name), nil)
}

// LockUser keeps a user out.
func (c *OperatorClient) LockUser(ctx context.Context, name string) error {
	return do(ctx, c, http.MethodPost, "user/lock", user(name), nil)
}

// UnlockUser lets a user in again.
func (c *OperatorClient) UnlockUser(ctx context.Context, name string) error {
	return do(ctx, c, http.MethodPost, "user/unlock", user(name), nil)
}

// Enrol makes a code that is good for one device and a time, in whole seconds.
func (c *OperatorClient) Enrol(ctx context.Context, name string, valid time.Duration) (Enrolment, error) {
	return c.NewEnrolment(ctx, name, EnrolmentRequest{Valid: int(valid / time.Second)})
}

// NewEnrolment is Enrol with all that can be asked for.
func (c *OperatorClient) NewEnrolment(ctx context.Context, name string, r EnrolmentRequest) (Enrolment, error) {
	return call[Enrolment](ctx, c, http.MethodPost, "user/enrolment", user(name), r)
}

// ChangeUser changes what a user can be reached by, and returns the user as changed.
func (c *OperatorClient) ChangeUser(ctx context.Context, name string, change UserChange) (User, error) {
	return call[User](ctx, c, http.MethodPatch, "user", user(name), change)
}

// SetPIN gives a user a PIN, in place of the one before.
func (c *OperatorClient) SetPIN(ctx context.Context, name, pin string) error {
	return do(ctx, c, http.MethodPut, "user/pin", user(name), PIN{pin})
}

// RemovePIN takes the PIN of a user away.
func (c *OperatorClient) RemovePIN(ctx context.Context, name string) error {
	return do(ctx, c, http.MethodDelete, "user/pin", user(name), nil)
}

// NewBackupCodes makes backup codes, in place of those before.
func (c *OperatorClient) NewBackupCodes(ctx context.Context, name string) (BackupCodes, error) {
	return call[BackupCodes](ctx, c, http.MethodPost, "user/backup", user(name), nil)
}

// RemoveBackupCodes makes all backup codes of a user worthless.
func (c *OperatorClient) RemoveBackupCodes(ctx context.Context, name string) error {
	return do(ctx, c, http.MethodDelete, "user/backup", user(name), nil)
}

// ShowBell returns the bell of a user.
func (c *OperatorClient) ShowBell(ctx context.Context, name string) (Bell, error) {
	return call[Bell](ctx, c, http.MethodGet, "user/bell", user(name), nil)
}

// SetBell gives a user a bell, in place of the one before.
func (c *OperatorClient) SetBell(ctx context.Context, name string, b BellRequest) (Bell, error) {
	return call[Bell](ctx, c, http.MethodPut, "user/bell", user(name), b)
}

// RemoveBell takes the bell of a user away.
func (c *OperatorClient) RemoveBell(ctx context.Context, name string) error {
	return do(ctx, c, http.MethodDelete, "user/bell", user(name), nil)
}

// RingBell rings the bell of a user now.
func (c *OperatorClient) RingBell(ctx context.Context, name string) (BellRung, error) {
	return call[BellRung](ctx, c, http.MethodPost, "user/bell/ring", user(name), nil)
}

// AddToken gives a user a token.
func (c *OperatorClient) AddToken(ctx context.Context, name string, t TokenRequest) (NewToken, error) {
	return call[NewToken](ctx, c, http.MethodPost, "user/token", user(name), t)
}

// RemoveToken takes a token away.
func (c *OperatorClient) RemoveToken(ctx context.Context, name, id string) error {
	return do(ctx, c, http.MethodDelete, "user/token", token(name, id), nil)
}

// ChangeToken disables or enables a token.
func (c *OperatorClient) ChangeToken(ctx context.Context, name, id string, change TokenChange) error {
	return do(ctx, c, http.MethodPatch, "user/token", token(name, id), change)
}

// ResyncToken resynchronizes a token by two consecutive codes.
func (c *OperatorClient) ResyncToken(ctx context.Context, name, id string, codes Resync) error {
	return do(ctx, c, http.MethodPost, "user/token/resync", token(name, id), codes)
}

// AssignToken gives a user a token of the stock.
func (c *OperatorClient) AssignToken(ctx context.Context, name, id string) error {
	return do(ctx, c, http.MethodPost, "user/token/assign", token(name, id), nil)
}

// UnassignToken takes a token back to the stock.
func (c *OperatorClient) UnassignToken(ctx context.Context, name, id string) error {
	return do(ctx, c, http.MethodPost, "user/token/unassign", token(name, id), nil)
}

// ListStock returns the tokens that no user has.
func (c *OperatorClient) ListStock(ctx context.Context) ([]Token, error) {
	return call[[]Token](ctx, c, http.MethodGet, "stock", nil, nil)
}

// RemoveStocked removes a token of the stock.
func (c *OperatorClient) RemoveStocked(ctx context.Context, id string) error {
	return do(ctx, c, http.MethodDelete, "stock", url.Values{"id": {id}}, nil)
}

// ImportTokens brings tokens to users and into the stock.
func (c *OperatorClient) ImportTokens(ctx context.Context, in ImportRequest) (Imported, error) {
	return call[Imported](ctx, c, http.MethodPost, "stock/import", nil, in)
}

// ListDevices returns the devices of a user, or of all if name is empty.
func (c *OperatorClient) ListDevices(ctx context.Context, name string) ([]Device, error) {
	var query url.Values
	if name != "" {
		query = user(name)
	}
	return call[[]Device](ctx, c, http.MethodGet, "devices", query, nil)
}

// ChangeDevice renames, suspends or resumes a device.
func (c *OperatorClient) ChangeDevice(ctx context.Context, id string, change DeviceChange) error {
	return do(ctx, c, http.MethodPatch, "device", url.Values{"id": {id}}, change)
}

// RemoveDevice removes a device.
func (c *OperatorClient) RemoveDevice(ctx context.Context, id string) error {
	return do(ctx, c, http.MethodDelete, "device", url.Values{"id": {id}}, nil)
}

// ListActivity returns the rows that a filter chooses, newest first; 100 if it has no
// limit.
func (c *OperatorClient) ListActivity(ctx context.Context, f login.Filter) ([]Activity, error) {
	query := url.Values{}
	set := func(key, value string, given bool) {
		if given {
			query.Set(key, value)
		}
	}
	set("user", f.User, f.User != "")
	set("client", f.Client, f.Client != "")
	set("since", f.Since.Format(time.RFC3339Nano), !f.Since.IsZero())
	set("until", f.Until.Format(time.RFC3339Nano), !f.Until.IsZero())
	set("limit", strconv.Itoa(f.Limit), f.Limit != 0)
	return call[[]Activity](ctx, c, http.MethodGet, "activity", query, nil)
}
