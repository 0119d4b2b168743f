package email

import "time"

// samples are data of every kind, with all that can be there and with as little as
// possible: what LoadTemplates tries an operator's templates on.
var samples = map[string][]letter{
	KindCode:              {sampleCode, Code{Code: "87654321", Valid: 1}},
	KindRejectionUser:     {sampleRejection, Rejection{}},
	KindRejectionOperator: {sampleRejection, Rejection{}},
	KindLockoutUser:       sampleLockouts,
	KindLockoutOperator:   sampleLockouts,
	KindEnrolment:         {sampleEnrolment, Enrolment{Link: sampleEnrolment.Link}},
	KindBell:              {Bell{"Example Ltd", "https://radpush.example.com:8443/app/"}, Bell{}},
	KindDevice:            sampleDevices,
}

var (
	sampleTime = time.Date(2026, time.January, 30, 17, 4, 0, 0, time.UTC)
	sampleCode = Code{
		Organization: "Example Ltd",
		Resource:     "Example VPN",
		Code:         "87654321",
		Valid:        5,
		User:         "alice",
	}
	sampleRejection = Rejection{
		Organization: "Example Ltd",
		Resource:     "Example VPN",
		User:         "alice",
		IP:           "192.0.2.7",
		Location:     "Berlin, Germany",
		Client:       "vpn",
		NAS:          "gateway-1",
		Station:      "02-00-00-00-00-01",
		Time:         sampleTime,
		Device:       "Alice's phone",
	}
	sampleLockouts = []letter{
		Lockout{
			Organization: "Example Ltd",
			User:         "alice",
			Until:        sampleTime.Add(15 * time.Minute),
			Failures:     10,
			Time:         sampleTime,
			Reason:       "user rejected the sign-in: it wasn't me",
			Rejection:    &sampleRejection,
		},
		Lockout{User: "alice", Failures: 1, Time: sampleTime},
	}
	sampleEnrolment = Enrolment{
		Organization: "Example Ltd",
		User:         "alice",
		Link:         "https://radpush.example.com:8443/enrol#code=SAMPLE",
		Expires:      sampleTime.Add(24 * time.Hour),
	}
	sampleDevices = []letter{
		Device{
			Organization: "Example Ltd",
			User:         "alice",
			Name:         "Alice's new phone",
			Kind:         "a browser",
			Replaced:     "Alice's phone",
			By:           "Alice's tablet",
			Time:         sampleTime,
		},
		Device{Name: "Alice's phone", Removed: true},
	}
)
