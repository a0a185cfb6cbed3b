package cluster

import (
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// Namespaces that are a tenant's by their labels.

// byLabel is the stage's policy with namespaces of foo's and bar's by label too.
func byLabel(t *testing.T) string {
	t.Helper()
	return stagePolicy(t,
		"namespaces: [foo]", "namespaces: [foo]\n    namespaceSelector: {matchLabels: {tenant: foo}}",
		"namespaces: [bar]", "namespaces: [bar]\n    namespaceSelector: {matchExpressions: [{key: lent-to, operator: In, values: [bar]}]}") +
		"  namespaceAdmins: [platform]\n"
}

func rulesByLabel() lab.Rules { return append(lab.SignetRules(allSigners...), lab.LabelRules()...) }

func TestALabelDecidesWhoseANamespaceIsAsSoonAsItIsChanged(t *testing.T) {
	served := serveUnder(t, "all", policyInFile(t, byLabel(t)), rulesByLabel())
	if ready := served.get(t, served.url+"/readyz"); !strings.Contains(ready, "ok namespaces\n") {
		t.Errorf("/readyz says %q", ready)
	}
	makeLabelled(t, "labelled", nil)
	const nothing = "NoTenant"
	changes := []struct {
		name             string
		labels           map[string]string
		fromFoo, fromBar string // what becomes of a request for foo's signer, for bar's: a signature or a reason
	}{
		{"no label", nil, nothing, nothing},
		{"one tenant's", map[string]string{"tenant": "foo"}, "signed by foo", "SignerNotAllowed"},
		{"the other's instead", map[string]string{"lent-to": "bar"}, "SignerNotAllowed", "signed by bar"},
		{"both tenants'", map[string]string{"tenant": "foo", "lent-to": "bar"}, nothing, nothing},
		{"one tenant's again", map[string]string{"tenant": "foo"}, "signed by foo", "SignerNotAllowed"},
		{"another value of it", map[string]string{"tenant": "baz"}, nothing, nothing},
	}
	whereverItIsJudged(t, func(t *testing.T, denied string) {
		outcome := func(text string) string {
			if strings.HasPrefix(text, "signed") {
				return text
			}
			return denied + text
		}
		for _, c := range changes {
			t.Run(c.name, func(t *testing.T) {
				label(t, "labelled", c.labels)
				lately(t, lab.Workload(signerFoo, "labelled", "httpbin"), outcome(c.fromFoo))
				if got, _ := outcomeOf(t, stage.istiod, lab.Workload(signerBar, "labelled", "httpbin")); got != outcome(c.fromBar) {
					t.Errorf("from bar's signer: %s, want %s", got, outcome(c.fromBar))
				}
			})
		}
	})
}

func TestARequestForANamespaceThatIsNotThereYetWaitsForIt(t *testing.T) {
	served := serveUnder(t, "all", policyInFile(t, byLabel(t)), rulesByLabel())
	request := lab.Workload(signerFoo, "not-there-yet", "httpbin")
	waiting := approve(t, create(t, request)) // while no webhook is registered
	t.Run("at the door it is refused", func(t *testing.T) {
		register(t)
		err := admitted(t, request)
		expectRefused(t, err, "NoTenant")
		if !strings.Contains(err.Error(), "its labels are not known") {
			t.Error(err)
		}
	})
	t.Run("the signer looks at it again", func(t *testing.T) {
		awaitLog(t, served.Process, waiting.Name+": is not decided: signet: NoTenant: ")
		if now := current(t, waiting.Name); now.ResourceVersion != waiting.ResourceVersion {
			t.Errorf("touched: %+v", now.Status)
		}
		makeLabelled(t, "not-there-yet", map[string]string{"tenant": "foo"})
		if signer := issuerOf(t, await(t, waiting, lab.HasCertificate)); signer != "foo" {
			t.Errorf("signed by %s", signer)
		}
	})
}

func TestReloadAPolicyThatAsksForLabelsWaitsUntilTheyMayBeRead(t *testing.T) {
	first, second := stagePolicy(t), byLabel(t)
	served := serveReloading(t, "all", policyInFile(t, first), allSigners...)
	makeLabelled(t, "labelled", map[string]string{"tenant": "foo"})
	request := lab.Workload(signerFoo, "labelled", "httpbin")
	if got, _ := outcomeOf(t, stage.istiod, request); got != "failed: NoTenant" {
		t.Errorf("before: %s", got)
	}
	replaceFile(t, served.policy, second)
	served.awaitRefusal(t, first, second, served.account.Username()+" may not list namespaces of the core API; a ClusterRole must grant it")
	served.grant(t, rulesByLabel())
	served.awaitPolicy(t, second)
	// Not a moment later: a policy is in force when the labels that it asks for are known.
	if got, _ := outcomeOf(t, stage.istiod, request); got != "signed by foo" {
		t.Errorf("after: %s", got)
	}
}

func TestWhatAPolicyAsksOfRBACIsToldAtStart(t *testing.T) {
	policy := policyInFile(t, byLabel(t)+"  signers: [{name: foo, approval: automatic}]\n")
	account, err := stage.plane.CreateAccount(patient(t), "signet", "asked-of", lab.SignetRules(allSigners...))
	if err != nil {
		t.Fatal(err)
	}
	signet, err := stage.signet.As(account, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	signet.Policy = policy
	labels := []string{"may not list namespaces of the core API;", "may not watch namespaces of the core API;"}
	approvals := []string{
		"may not approve signers of certificates.k8s.io named " + signerFoo + ";",
		"may not patch certificatesigningrequests/approval of certificates.k8s.io;", "may not get pods of the core API;"}
	for role, told := range map[string][]string{"all": slices.Concat(labels, approvals), "signer": slices.Concat(labels, approvals), "webhook": labels} {
		t.Run(role, func(t *testing.T) { expectNotToStart(t, signet, role, told...) })
	}
}

// label gives the namespace these labels and no others, as one who may.
func label(t *testing.T, name string, labels map[string]string) {
	t.Helper()
	namespaces := as("alice", "platform").CoreV1().Namespaces()
	namespace, err := namespaces.Get(patient(t), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	namespace.Labels = maps.Clone(labels)
	if _, err := namespaces.Update(patient(t), namespace, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}
