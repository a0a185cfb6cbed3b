package cluster

import (
	"fmt"
	"testing"
	"time"

	"signet/test/cluster/lab"
)

func TestATenantsQuotaMakesItsOwnRequestsWaitAndNobodyElses(t *testing.T) {
	const perMinute, burst, asked = 30, 2, 5
	policy := stagePolicy(t, "namespaces: [foo]", fmt.Sprintf("namespaces: [foo]\n    quota: {perMinute: %d, burst: %d}", perMinute, burst))
	approved := func(signer, namespace string) (objects []*csr) {
		for i := range asked {
			objects = append(objects, approve(t, create(t, lab.Workload(signer, namespace, fmt.Sprintf("one-of-many-%d", i)))))
		}
		return objects
	}
	foos, bars := approved(signerFoo, "foo"), approved(signerBar, "bar") // the signer finds all of them at once
	began := time.Now()
	served := serveReloading(t, "all", policyInFile(t, policy), allSigners...)
	// signed is how many of foo's are, never more than the quota lets by then, and the others wait.
	signed := func() int {
		count := 0
		for _, object := range foos {
			now := current(t, object.Name)
			if lab.HasCertificate(now) {
				count++
			} else if len(now.Status.Conditions) != 1 {
				t.Errorf("%s waits with %+v", object.Name, now.Status.Conditions)
			}
		}
		if most := burst + perMinute*time.Since(began).Minutes(); float64(count) > most {
			t.Errorf("%d are signed, of at most %.2f", count, most)
		}
		return count
	}
	atLeast := func(wanted int) {
		t.Helper()
		eventually(t, func() error {
			if count := signed(); count < wanted {
				return fmt.Errorf("%d are signed, want %d", count, wanted)
			}
			return nil
		})
	}
	atLeast(burst)
	for _, object := range bars {
		await(t, object, lab.HasCertificate)
	}
	t.Logf("all of bar's are signed, and %d of foo's", signed())
	for wanted := burst + 1; wanted <= asked; wanted++ {
		atLeast(wanted)
	}
	told := fmt.Sprintf(`tenant "foo" has used up its quota (tenants[foo].quota: %d a minute, burst %d); its other requests wait`, perMinute, burst)
	if count := served.count(told, nil); count != 1 {
		t.Errorf("told %d times, want once:\n%s", count, served.Output())
	}
	now := served.scrape()
	if now[`signet_throttled_total{tenant="foo"}`] < 1 || now[`signet_throttled_total{tenant="bar"}`] != 0 || now[failedByFoo] != 0 {
		t.Errorf("throttled: foo %v, bar %v; failed %v", now[`signet_throttled_total{tenant="foo"}`],
			now[`signet_throttled_total{tenant="bar"}`], now[failedByFoo])
	}
}
