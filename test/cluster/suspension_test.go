package cluster

import (
	"fmt"
	"testing"

	"signet/test/cluster/lab"
)

func TestReloadASuspendedTenantIsSignedNothingMore(t *testing.T) {
	// A quota, so that approved requests still wait when their tenant is suspended.
	quota := "namespaces: [foo]\n    quota: {perMinute: 30, burst: 1}"
	first := stagePolicy(t, "namespaces: [foo]", quota)
	second := stagePolicy(t, "namespaces: [foo]", quota+"\n    suspended: true")
	var approved []*csr
	for i := range 10 {
		approved = append(approved, approve(t, create(t, lab.Workload(signerFoo, "foo", fmt.Sprintf("waits-%d", i)))))
	}
	created := create(t, lab.Workload(signerFoo, "foo", "not-approved-yet"))
	served := serveReloading(t, "all", policyInFile(t, first), allSigners...)
	register(t)
	request := lab.Workload(signerFoo, "foo", "httpbin")
	if err := admitted(t, request); err != nil {
		t.Fatal(err)
	}

	replaceFile(t, served.policy, second)
	served.awaitPolicy(t, second)
	expectRefused(t, admitted(t, request), "TenantSuspended")
	_, err := stage.istiod.Approve(patient(t), created)
	expectRefused(t, err, "TenantSuspended")
	failures := 0
	for _, object := range approved {
		if failed := lab.FailedCondition(await(t, object, lab.IsSettled)); failed != nil {
			failures++
			if failed.Reason != "TenantSuspended" {
				t.Errorf("%s: %+v", object.Name, failed)
			}
		}
	}
	if failures == 0 {
		t.Error("all that waited were signed")
	}
	t.Logf("of %d that waited %d were refused", len(approved), failures)
	if got, _ := outcomeOf(t, stage.istiod, lab.Workload(signerBar, "bar", "httpbin")); got != "signed by bar" {
		t.Errorf("another tenant's: %s", got)
	}

	replaceFile(t, served.policy, first)
	served.awaitPolicy(t, first)
	await(t, approve(t, created), lab.HasCertificate)
	records, err := lab.ReadAudit(stage.signet.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records {
		if record.Tenant == "foo" && (record.Policy == digestOf(second)) != (record.Event == "refused") && record.Event != "published" {
			t.Errorf("%s under %s", record.Event, record.Policy)
		}
	}
}
