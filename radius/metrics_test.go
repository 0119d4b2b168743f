package radius_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"layeh.com/radius"

	server "radpush/radius"
)

func TestMetricsCountWhatHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		handler, requests := hold()
		nas := start(t, &server.Server{Handler: handler, Metrics: server.NewMetrics(registry), MaxInFlight: 2, Drain: -1})
		p := nas.PAP("alice", "")
		p.Identifier = 1
		nas.Send(p)
		<-requests
		p.Authenticator[0]++
		b := nas.Send(p) // supersedes it
		h := <-requests
		nas.SendBytes(b) // a retransmission
		time.Sleep(15 * time.Second)
		h.answer <- radius.CodeAccessAccept
		nas.Receive(soon)
		nas.SendBytes(b)                 // another
		nas.SendBytes([]byte("garbage")) //
		nas.Login(t.Context(), status(2))
		for i := range 3 {
			p.Identifier = byte(10 + i)
			nas.Send(p) // the third has no place
		}
		synctest.Wait()
		if got := counted(t, registry); !slices.Contains(got, "requests_in_flight 2") {
			t.Errorf("two requests are in flight, but the metrics are\n%s", strings.Join(got, "\n"))
		}
		nas.stop()
		want := []string{
			"discarded malformed 1",
			"discarded too many requests in flight 1",
			"reply_seconds Access-Accept 1",
			"requests Access-Request 4",
			"requests Status-Server 1",
			"retransmissions answered 1",
			"retransmissions held 1",
			"unanswered shutdown 2",
			"unanswered superseded 1",
		}
		if got := counted(t, registry); !slices.Equal(got, want) {
			t.Errorf("metrics\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// counted returns the metrics that are not zero, each with its label; of a histogram,
// the count.
func counted(t testing.TB, registry *prometheus.Registry) (lines []string) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		name := strings.TrimSuffix(strings.TrimPrefix(family.GetName(), "radpush_radius_"), "_total")
		for _, m := range family.GetMetric() {
			n := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			for _, label := range m.GetLabel() {
				if n != 0 {
					lines = append(lines, fmt.Sprint(name, " ", label.GetValue(), " ", n))
				}
			}
			if n != 0 && len(m.GetLabel()) == 0 {
				lines = append(lines, fmt.Sprint(name, " ", n))
			}
		}
	}
	return lines
}
