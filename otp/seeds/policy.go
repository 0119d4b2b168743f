package seeds

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A validity is when a key or a device may be used (RFC 6030, sections 4.3.1 and 5).
type validity struct {
	StartDate, ExpiryDate string
}

// A policy is what a key may be used for (RFC 6030, section 5).
type policy struct {
	validity
	KeyUsage             []string
	NumberOfTransactions string
	PINPolicy            struct {
		Mode string `xml:"PINUsageMode,attr"`
	}
	Others []struct{ XMLName xml.Name } `xml:",any"`
}

// lifetime returns when the first of some validities ends, or the zero time, and an error if
// now is outside of one.
func lifetime(now time.Time, all ...validity) (time.Time, error) {
	var ends time.Time
	for _, v := range all {
		start, serr := date(v.StartDate)
		end, eerr := date(v.ExpiryDate)
		switch {
		case serr != nil || eerr != nil:
			return ends, errors.New("the start or the expiry is no date")
		case now.Before(start):
			return ends, fmt.Errorf("it must not be used before %s", start.Format(time.DateOnly))
		case !end.IsZero() && now.After(end):
			return ends, fmt.Errorf("it must not be used after %s", end.Format(time.DateOnly))
		}
		if ends.IsZero() || !end.IsZero() && end.Before(ends) {
			ends = end
		}
	}
	return ends, nil
}

// date reads an xs:dateTime, which may be without a zone: then it is UTC.
func date(text string) (t time.Time, err error) {
	if text = strings.TrimSpace(text); text == "" {
		return t, nil
	}
	if t, err = time.Parse(time.RFC3339, text); err != nil {
		t, err = time.Parse("2006-01-02T15:04:05", text)
	}
	return t, err
}

// obstacles returns why a key cannot be used for codes: it is for something else, or demands
// what radpush does not do.
func (k key) obstacles() (faults []error) {
	fault := func(is bool, text string) {
		if is {
			faults = append(faults, errors.New(text))
		}
	}
	p, format := k.Policy, k.AlgorithmParameters.ResponseFormat
	isOTP := func(use string) bool { return strings.TrimSpace(use) == "OTP" }
	fault(len(p.KeyUsage) > 0 && !slices.ContainsFunc(p.KeyUsage, isOTP), "its policy forbids OTP")
	fault(p.NumberOfTransactions != "", "its policy limits how often it is used")
	// A local PIN unlocks the device; any other is part of the code.
	fault(p.PINPolicy.Mode != "" && p.PINPolicy.Mode != "Local", "its policy wants a PIN with the code")
	// RFC 6030, section 5: what is not understood is assumed to forbid the use.
	fault(len(p.Others) > 0, "its policy has elements beyond RFC 6030")
	fault(format.Encoding != "" && format.Encoding != "DECIMAL", "its codes are not decimal")
	fault(format.CheckDigits == "true" || format.CheckDigits == "1", "its codes have a check digit")
	return faults
}
