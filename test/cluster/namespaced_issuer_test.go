package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/test/cluster/lab"
)

// cert-manager's Issuer "ca" of namespace foo is signer issuers.cert-manager.io/foo.ca.
func TestIssuersOfANamespaceAreSignersToo(t *testing.T) {
	const issuers = "issuers.cert-manager.io"
	text, err := os.ReadFile(stage.signet.Policy)
	if err != nil {
		t.Fatal(err)
	}
	policy := strings.NewReplacer(domain, issuers, "signers: [foo]", "signers: [foo.ca]", "signers: [bar]", "signers: [bar.ca]",
		"istio-system:istiod", "istio-system:istiod-of-issuers").Replace(string(text))
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	account, err := stage.plane.CreateAccount(patient(t), "signet", "signet-of-issuers",
		lab.SignetRules(issuers+"/foo.ca", issuers+"/bar.ca", issuers+"/istio-system"))
	if err != nil {
		t.Fatal(err)
	}
	istiod, err := stage.plane.CreateAccount(patient(t), "istio-system", "istiod-of-issuers", lab.IstiodRules(issuers))
	if err != nil {
		t.Fatal(err)
	}
	signet, err := lab.NewSignet(t.TempDir(), file, account, map[string]*lab.Authority{
		"foo.ca": stage.authorities["foo"], "bar.ca": stage.authorities["bar"], "istio-system": stage.authorities["istio-system"],
	})
	if err != nil {
		t.Fatal(err)
	}
	before := stage.signet
	stage.signet = signet
	t.Cleanup(func() { stage.signet = before })
	serve(t, "all")
	if err := signet.Register(patient(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unregister(t) })

	requester := lab.NewIstiodStandIn(istiod.Client())
	eventually(t, func() error {
		object, _, err := requester.Create(patient(t), lab.Workload(issuers+"/foo.ca", "bar", "thief"))
		if err == nil {
			discard(t, object.Name)
			return errors.New("nobody guards yet")
		}
		return nil
	})
	for namespace, signer := range map[string]string{"foo": "foo.ca", "bar": "bar.ca"} {
		issued, err := requester.Sign(patient(t), lab.Workload(issuers+"/"+signer, namespace, "httpbin"))
		if err != nil {
			t.Fatal(err)
		}
		chain, err := lab.ParsePEM(issued.Object.Status.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		expectChain(t, chain, namespace, lab.WorkloadUsages)
	}
	_, err = requester.Sign(patient(t), lab.Workload(issuers+"/foo.ca", "bar", "thief"))
	expectRefused(t, err, "SignerNotAllowed")
}
