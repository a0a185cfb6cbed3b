package cluster

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"signet/test/cluster/lab"
)

// samples are the values of the metrics, each by its name with its labels.
type samples map[string]float64

// serveMetered runs Signet with metrics, and returns how to read them.
func serveMetered(t *testing.T) (scrape func() samples) {
	t.Helper()
	metered := *stage.signet
	metered.Arguments = []string{"--metrics-listen", "127.0.0.1:0", "--log-level", "debug"}
	process, err := metered.Serve("all")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop(t, process)
		if t.Failed() {
			t.Logf("signet's log:\n%s", process.Output())
		}
	})
	url := fmt.Sprintf("http://127.0.0.1:%s/metrics", logged(t, process, "serving metrics")["port"])
	client := &http.Client{Timeout: patience}
	return func() samples {
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v\n%s", response.Status, err, body)
		}
		return parseSamples(t, string(body))
	}
}

// logged is the first line of the log with that message.
func logged(t *testing.T, process *lab.Process, message string) map[string]string {
	t.Helper()
	var line map[string]string
	eventually(t, func() error {
		for text := range strings.Lines(process.Output()) {
			if json.Unmarshal([]byte(text), &line) == nil && line["message"] == message {
				return nil
			}
		}
		return fmt.Errorf("no %q in the log:\n%s", message, process.Output())
	})
	return line
}

func parseSamples(t *testing.T, text string) samples {
	t.Helper()
	all := samples{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSuffix(line, "\n")
		space := strings.LastIndexByte(line, ' ')
		if space < 0 {
			t.Fatalf("no sample: %q", line)
		}
		name := line[:space]
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if _, twice := all[name]; twice {
			t.Fatalf("twice: %q", name)
		}
		all[name] = value
	}
	return all
}

// expectRise waits until each of the metrics has risen by at least its number since before.
func expectRise(t *testing.T, scrape func() samples, before samples, rises map[string]float64) samples {
	t.Helper()
	var after samples
	eventually(t, func() error {
		after = scrape()
		for name, rise := range rises {
			if was, known := before[name]; !known || after[name] < was+rise {
				return fmt.Errorf("%s: %v before (known: %v), %v after, want %v more", name, was, known, after[name], rise)
			}
		}
		return nil
	})
	return after
}

const (
	grantedReviews = `signet_reviews_total{decision="granted",kind="CertificateSigningRequest",reason=""}`
	deniedReviews  = `signet_reviews_total{decision="denied",kind="CertificateSigningRequest",reason="SignerNotAllowed"}`
	reviewTimes    = `signet_review_duration_seconds_count{kind="CertificateSigningRequest"}`
	publishedByFoo = `signet_certificates_total{result="published",signer="foo"}`
	publishedByBar = `signet_certificates_total{result="published",signer="bar"}`
	failedByFoo    = `signet_certificates_total{result="failed",signer="foo"}`
	issuanceTimes  = `signet_issuance_duration_seconds_count`
	recordsWritten = `signet_audit_records_total{log="issuance",result="written"}`
)

func TestMetricsCountWhatIsGrantedAndRefused(t *testing.T) {
	scrape := serveMetered(t)
	t.Run("the signer refuses what no webhook stopped", func(t *testing.T) {
		before := scrape()
		await(t, approve(t, create(t, thief())), lab.HasFailed)
		expectRise(t, scrape, before, map[string]float64{failedByFoo: 1, recordsWritten: 1})
	})
	register(t)
	t.Run("a granted request", func(t *testing.T) {
		before := scrape()
		if _, err := stage.istiod.Sign(patient(t), lab.Workload(signerFoo, "foo", "httpbin")); err != nil {
			t.Fatal(err)
		}
		after := expectRise(t, scrape, before, map[string]float64{
			grantedReviews: 1, reviewTimes: 1, publishedByFoo: 1, issuanceTimes: 1, recordsWritten: 2})
		if after[publishedByFoo] != before[publishedByFoo]+1 || after[publishedByBar] != before[publishedByBar] {
			t.Errorf("foo %v → %v, bar %v → %v; want one more for foo alone", before[publishedByFoo], after[publishedByFoo],
				before[publishedByBar], after[publishedByBar])
		}
		if after[deniedReviews] != before[deniedReviews] || after[failedByFoo] != before[failedByFoo] {
			t.Error("a denial was counted")
		}
	})
	t.Run("a denied request", func(t *testing.T) {
		before := scrape()
		_, err := stage.istiod.Sign(patient(t), thief())
		expectRefused(t, err, "SignerNotAllowed")
		after := expectRise(t, scrape, before, map[string]float64{deniedReviews: 1, reviewTimes: 1})
		if after[publishedByFoo] != before[publishedByFoo] {
			t.Error("a certificate was counted")
		}
	})
	t.Run("what nobody may name makes no time series", func(t *testing.T) {
		before := scrape()
		for _, request := range []lab.Request{
			lab.Workload(domain+"/stranger", "foo", "httpbin"), lab.Workload(signerFoo, "nowhere", "stranger"),
		} {
			if _, err := dryRun(t, request); err == nil {
				t.Error("admitted")
			}
		}
		after := scrape()
		if len(after) != len(before) {
			t.Errorf("%d samples, then %d", len(before), len(after))
		}
		for name := range after {
			if strings.Contains(name, "stranger") || strings.Contains(name, "nowhere") {
				t.Error(name)
			}
		}
	})
	t.Run("what is read at the scrape", func(t *testing.T) {
		now := scrape()
		for signer, authority := range stage.authorities {
			name := fmt.Sprintf("signet_ca_not_after_timestamp_seconds{signer=%q}", signer)
			if now[name] <= 0 || now[name] > float64(authority.Certificate.NotAfter.Unix()) {
				t.Errorf("%s is %v; the CA expires at %v", name, now[name], authority.Certificate.NotAfter)
			}
		}
		if accepted := now[`signet_connections_total{outcome="accepted"}`]; accepted < 1 {
			t.Errorf("%v connections accepted", accepted)
		}
		for _, name := range []string{"signet_watch_age_seconds", `signet_queue_depth{state="waiting"}`,
			`signet_queue_depth{state="working"}`, `signet_connections{state="idle"}`, "signet_certificates_unsettled",
			`signet_audit_records_total{log="reviews",result="dropped"}`, "process_start_time_seconds"} {
			if value, known := now[name]; !known || value < 0 {
				t.Errorf("%s: %v, known: %v", name, value, known)
			}
		}
	})
}
