package access

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"

	"radpush/login"
	"radpush/radius"
)

func accountingRequest(attrs ...*layeh.AVP) *radius.Request {
	r := request(append([]*layeh.AVP{
		avp(rfc2865.NASIdentifier_Type, "gw-1"),
		avp(rfc2865.CallingStationID_Type, "203.0.113.9"),
		avp(rfc2866.AcctSessionID_Type, "0A1B"),
	}, attrs...)...)
	r.Code = layeh.CodeAccountingRequest
	return r
}

func status(s uint32) *layeh.AVP { return avp(rfc2866.AcctStatusType_Type, integer(s)) }

func TestSessionIsRecordedBeforeItIsAnswered(t *testing.T) {
	for _, tt := range []struct {
		status uint32
		want   login.Result // "" for no row
	}{{1, login.ResultStart}, {2, login.ResultStop}, {3, ""}, {7, ""}, {8, ""}, {15, ""}, {99, ""}} {
		h, j := newHandler(notReached(t))
		reply := serve(t, h, accountingRequest(status(tt.status)))
		if reply.Code != layeh.CodeAccountingResponse || len(reply.Attributes) != 0 {
			t.Errorf("status %d: %s", tt.status, shown(t, reply))
		}
		if tt.want == "" {
			if len(j.rows) != 0 {
				t.Errorf("status %d: activity %+v", tt.status, j.rows)
			}
			continue
		}
		if len(j.rows) != 1 {
			t.Fatalf("status %d: %d rows", tt.status, len(j.rows))
		}
		r := j.rows[0]
		if r.Result != tt.want || r.User != "nemo" || r.Client != "vpn" || r.NAS != "gw-1" || r.Session != "0A1B" ||
			r.Station != "203.0.113.9" || r.From.String() != "203.0.113.9" || !r.Time.Equal(received) || r.ID == "" {
			t.Errorf("status %d: activity %+v", tt.status, r)
		}
	}
}

func TestSessionThatCannotBeRecordedIsNotAnswered(t *testing.T) {
	h, j := newHandler(notReached(t))
	j.err = errors.New("full")
	if reply, err := h.ServeRADIUS(t.Context(), accountingRequest(status(1))); err == nil {
		t.Errorf("reply %s", shown(t, reply))
	}
}

func TestAccountingWithoutStatusIsNotAnswered(t *testing.T) {
	h, j := newHandler(notReached(t))
	for _, r := range []*radius.Request{accountingRequest(), accountingRequest(avp(rfc2866.AcctStatusType_Type, "\x01"))} {
		if reply, err := h.ServeRADIUS(t.Context(), r); err == nil || len(j.rows) != 0 {
			t.Errorf("reply %s, activity %v", shown(t, reply), j.rows)
		}
	}
}

// A NAS repeats itself in new packets. Time and ID of the row stay the same then, and
// differ between sessions and between start and stop.
func TestRepeatedAccountingIsOneRow(t *testing.T) {
	event := func(t time.Time) *layeh.AVP { return avp(rfc2869.EventTimestamp_Type, integer(uint32(t.Unix()))) }
	at := received.Add(-90 * time.Second)
	h, j := newHandler(notReached(t))
	first := accountingRequest(status(1), event(at))
	again := accountingRequest(status(1), event(at), avp(rfc2866.AcctDelayTime_Type, integer(10)))
	again.Identifier, again.Received = 8, received.Add(10*time.Second)
	for _, r := range []*radius.Request{
		first, again, accountingRequest(status(2), event(at)),
		accountingRequest(status(1), event(received.Add(-48*time.Hour))), // a clock that stands
		accountingRequest(status(1), event(received.Add(2*time.Minute))), // or runs ahead
	} {
		serve(t, h, r)
	}
	if r := j.rows; !r[0].Time.Equal(at) || !r[0].Time.Equal(r[1].Time) || r[0].ID != r[1].ID {
		t.Errorf("repeated:\n%+v\n%+v", r[0], r[1])
	}
	if j.rows[2].ID == j.rows[0].ID {
		t.Error("the stop is the same row as the start")
	}
	if !j.rows[3].Time.Equal(received) || !j.rows[4].Time.Equal(received) {
		t.Errorf("a wrong clock was believed: %v, %v", j.rows[3].Time, j.rows[4].Time)
	}
}

// What a NAS sends as text cannot steer a terminal that shows activity.
func TestSessionTextIsPrintable(t *testing.T) {
	h, j := newHandler(notReached(t))
	r := accountingRequest(status(1))
	for _, a := range r.Attributes {
		if a.Type != rfc2866.AcctStatusType_Type {
			a.Attribute = layeh.Attribute("x\x1b[2J\xff")
		}
	}
	serve(t, h, r)
	row := j.rows[0]
	for _, s := range []string{row.User, row.NAS, row.Session, row.Station} {
		if want := "x\uFFFD[2J\uFFFD"; s != want {
			t.Errorf("%s, want %s", hex.EncodeToString([]byte(s)), hex.EncodeToString([]byte(want)))
		}
	}
}
