package radius

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"layeh.com/radius"
)

// Metrics counts what a Server does. Its labels are fixed sets: nothing a stranger sends
// makes a new one. A nil *Metrics counts nothing.
type Metrics struct {
	requests   [256]prometheus.Counter  // by code of the request
	replies    [256]prometheus.Observer // by code of the reply
	discarded  [discards]prometheus.Counter
	unanswered [silences]prometheus.Counter
	repeated   [2]prometheus.Counter // held, resent
	inFlight   atomic.Int64          // a gauge itself would be the dearest of all these
}

// NewMetrics makes the metrics of a server and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "radpush_radius_requests_total",
		Help: "Requests that passed all checks and are no retransmissions.",
	}, []string{"code"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "radpush_radius_reply_seconds",
		Help:    "Time from a request to its reply, the hold and the delay of an Access-Reject included.",
		Buckets: []float64{.001, .01, .1, 1, 2, 5, 10, 20, 30, 60, 120},
	}, []string{"code"})
	discarded := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "radpush_radius_discarded_total",
		Help: "Datagrams that were dropped by a check, in silence.",
	}, []string{"reason"})
	unanswered := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "radpush_radius_unanswered_total",
		Help: "Requests that passed all checks and got no reply.",
	}, []string{"reason"})
	repeated := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "radpush_radius_retransmissions_total",
		Help: "Retransmissions: of a request that is held, or already answered, whose reply was sent again.",
	}, []string{"request"})
	m := &Metrics{repeated: [2]prometheus.Counter{repeated.WithLabelValues("held"), repeated.WithLabelValues("answered")}}
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "radpush_radius_requests_in_flight",
		Help: "Requests that are being answered, held and delayed ones included.",
	}, func() float64 { return float64(m.inFlight.Load()) })
	for _, code := range []radius.Code{radius.CodeAccessRequest, radius.CodeAccountingRequest, radius.CodeStatusServer} {
		m.requests[code] = requests.WithLabelValues(code.String())
	}
	for _, code := range []radius.Code{radius.CodeAccessAccept, radius.CodeAccessReject,
		radius.CodeAccessChallenge, radius.CodeAccountingResponse} {
		m.replies[code] = seconds.WithLabelValues(code.String())
	}
	for why := range discards {
		if why != passed {
			m.discarded[why] = discarded.WithLabelValues(why.String())
		}
	}
	for why := range silences {
		m.unanswered[why] = unanswered.WithLabelValues(why.String())
	}
	r.MustRegister(requests, seconds, discarded, unanswered, repeated, inFlight)
	return m
}

func (m *Metrics) request(code byte) {
	if m != nil {
		m.requests[code].Inc()
	}
}

func (m *Metrics) reply(code byte, after time.Duration) {
	if m != nil {
		m.replies[code].Observe(after.Seconds())
	}
}

func (m *Metrics) discard(why discard) {
	if m != nil {
		m.discarded[why].Inc()
	}
}

func (m *Metrics) silent(why silence, n int) {
	if m != nil {
		m.unanswered[why].Add(float64(n))
	}
}

func (m *Metrics) retransmission(answered bool) {
	switch {
	case m == nil:
	case answered:
		m.repeated[1].Inc()
	default:
		m.repeated[0].Inc()
	}
}

func (m *Metrics) addInFlight(n int64) {
	if m != nil {
		m.inFlight.Add(n)
	}
}
