package access

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"

	"radpush/login"
	"radpush/radius"
)

// account answers an Accounting-Request. The start and the stop of a session are recorded
// first; without that there is no answer (RFC 2866, section 4.1). The rest, interim
// updates and a NAS that starts or stops, is answered and forgotten, so that the NAS does
// not go on about it: see docs/divergences.md.
func (h *Handler) account(ctx context.Context, r *radius.Request) (*layeh.Packet, error) {
	status, err := rfc2866.AcctStatusType_Lookup(r.Packet)
	if err != nil {
		return nil, fmt.Errorf("access: Acct-Status-Type: %w", err) // RFC 2866, section 5.1: it must be there
	}
	row := rowOf(readAttempt(r))
	row.Session = printable(string(r.Get(rfc2866.AcctSessionID_Type)))
	switch status {
	case rfc2866.AcctStatusType_Value_Start:
		row.Result = login.ResultStart
	case rfc2866.AcctStatusType_Value_Stop:
		row.Result = login.ResultStop
	default:
		return r.Response(layeh.CodeAccountingResponse), nil
	}
	// A NAS that did not hear the answer says it again, in a new packet (RFC 2866,
	// section 4.1): it is the same row then.
	row.Time = eventTime(r)
	id := sha256.Sum256([]byte(strings.Join([]string{row.Client, row.NAS, row.Session, string(row.Result)}, "\x00")))
	row.ID = base64.RawURLEncoding.EncodeToString(id[:12])
	if err := h.Activity.Append(ctx, row); err != nil {
		return nil, fmt.Errorf("access: record session: %w", err)
	}
	return r.Response(layeh.CodeAccountingResponse), nil
}

// eventTime returns when what is reported happened: as the NAS says, if its clock can be
// believed, else when we heard of it.
func eventTime(r *radius.Request) time.Time {
	t, err := rfc2869.EventTimestamp_Lookup(r.Packet)
	age := r.Received.Sub(t)
	if err != nil || age < -time.Minute || age > 24*time.Hour {
		return r.Received
	}
	return t
}
