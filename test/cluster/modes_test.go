package cluster

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"

	"signet/test/cluster/lab"
)

// moded is the stage's policy with P-256 keys alone: enforced for foo, with warnings for bar, and for the mesh as a record.
func moded(t *testing.T) string {
	t.Helper()
	return stagePolicy(t,
		"namespaces: [foo]", "namespaces: [foo]\n    certificate: {keys: [ECDSA-P256]}",
		"namespaces: [bar]", "namespaces: [bar]\n    certificate: {keys: [ECDSA-P256]}\n    modes: {all: warn}",
		"namespaces: [istio-system]", "namespaces: [istio-system]\n    modes: {all: audit}",
		"maxDuration: 2160h", "maxDuration: 2160h\n      keys: [ECDSA-P256]")
}

func TestWhatIsNotEnforcedIsSignedWithAWarningOrARecord(t *testing.T) {
	served := serveReloading(t, "all", policyInFile(t, moded(t)), allSigners...)
	register(t)
	var warnings warnings
	config := stage.istiodUser.Config()
	config.WarningHandler = &warnings
	istiod := lab.NewIstiodStandIn(kubernetes.NewForConfigOrDie(config))
	workload := func(signer, namespace string, change func(*lab.Request)) lab.Request {
		request := lab.Workload(signer, namespace, fmt.Sprintf("in-%s-of-%s", namespace, strings.TrimPrefix(signer, domain+"/")))
		change(&request)
		return request
	}
	otherKey := func(r *lab.Request) { r.Key = lab.P384 }
	unsignable := func(r *lab.Request) { r.Usages = append(slices.Clone(r.Usages), "code signing") }
	asIs := func(*lab.Request) {}
	cases := []struct {
		name    string
		request lab.Request
		outcome string
		reason  string // that would have refused it; empty: it was not let pass
		warned  bool
	}{
		{"what the policy grants", workload(signerBar, "bar", asIs), "signed by bar", "", false},
		{"enforced", workload(signerFoo, "foo", otherKey), "refused: KeyNotAllowed", "", false},
		{"with a warning", workload(signerBar, "bar", otherKey), "signed by bar", "KeyNotAllowed", true},
		{"as a record", workload(signerMesh, "istio-system", otherKey), "signed by istio-system", "KeyNotAllowed", false},
		{"who is warned asks one who enforces", workload(signerFoo, "bar", asIs), "refused: SignerNotAllowed", "", false},
		{"who is recorded asks one who enforces", workload(signerFoo, "istio-system", asIs), "refused: SignerNotAllowed", "", false},
		{"who is recorded asks one who warns", workload(signerBar, "istio-system", asIs), "signed by bar", "SignerNotAllowed", true},
		{"who enforces asks one who is recorded", workload(signerMesh, "foo", asIs), "refused: SignerNotAllowed", "", false},
		{"what nobody can sign", workload(signerBar, "bar", unsignable), "refused: UsageNotAllowed", "", false},
		{"nobody's namespace asks one who warns", workload(signerBar, "default", asIs), "refused: NoTenant", "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			warnings.take()
			before := served.scrape()
			got, issued := outcomeOf(t, istiod, c.request)
			if got != c.outcome {
				t.Fatalf("%s, want %s", got, c.outcome)
			}
			said := slices.DeleteFunc(warnings.take(), func(text string) bool { return !strings.HasPrefix(text, "signet: ") })
			if !c.warned && len(said) > 0 || c.warned && (len(said) != 1 || !strings.HasPrefix(said[0], "signet: "+c.reason+": ")) {
				t.Errorf("warnings %q; want one of %s: %v", said, c.reason, c.warned)
			}
			if c.reason == "" {
				return
			}
			expectRise(t, served.scrape, before, map[string]float64{
				fmt.Sprintf(`signet_reviews_total{decision="would-deny",kind="CertificateSigningRequest",reason=%q}`, c.reason): 1})
			for event, log := range map[string]string{"review": stage.signet.ReviewLog(), "issued": stage.signet.AuditLog()} {
				eventually(t, func() error {
					records, err := lab.ReadAudit(log)
					if err != nil {
						return err
					}
					if !slices.ContainsFunc(records, func(r lab.AuditRecord) bool {
						return r.Event == event && r.CSR.Name == issued.Object.Name && r.Decision == "would-deny" && r.Reason == c.reason
					}) {
						return fmt.Errorf("%s has no %s that would be denied for %s", log, event, c.reason)
					}
					return nil
				})
			}
		})
	}
}
