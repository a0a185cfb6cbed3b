package cluster

import (
	"net"
	"testing"
	"time"

	"signet/test/cluster/lab"
)

// Who may ask for what: names of services, and what single accounts, signers and groups are allowed.

func TestNamesOfAServiceAreForItsRequestersAlone(t *testing.T) {
	policy := stagePolicy(t, "namespaces: [foo]", `namespaces: [foo]
    services:
    - requesters: [system:serviceaccount:foo:gateway]
      dnsNames: ['*.apps.example.com', api.example.com]
      ipAddresses: [10.1.2.3, '2001:db8::1']`)
	account, err := stage.plane.CreateAccount(patient(t), "foo", "gateway", lab.RequesterRules())
	if err != nil {
		t.Fatal(err)
	}
	gateway := lab.NewIstiodStandIn(account.Client())
	serveReloading(t, "all", policyInFile(t, policy), allSigners...)
	serving := func(signer string, dns []string, addresses ...string) lab.Request {
		request := lab.Request{Signer: signer, DNS: dns, Usages: lab.ServingUsages, Lifetime: time.Hour}
		for _, address := range addresses {
			request.IPs = append(request.IPs, net.ParseIP(address))
		}
		return request
	}
	both := serving(signerFoo, []string{"api.example.com"})
	both.URIs = []string{"spiffe://cluster.local/ns/foo/sa/gateway"}
	cases := []struct {
		name    string
		by      *lab.IstiodStandIn
		request lab.Request
		refusal string // empty: signed
	}{
		{"all of them", gateway, serving(signerFoo, []string{"web.apps.example.com", "api.example.com"}, "10.1.2.3", "2001:db8::1"), ""},
		{"the star itself", gateway, serving(signerFoo, []string{"*.apps.example.com"}), ""},
		{"an address alone", gateway, serving(signerFoo, nil, "2001:db8::1"), ""},
		{"by istiod, who may ask for every workload", stage.istiod, serving(signerFoo, []string{"api.example.com"}), "RequesterNotAllowed"},
		{"an address, by istiod", stage.istiod, serving(signerFoo, nil, "10.1.2.3"), "RequesterNotAllowed"},
		// To nobody, so by one who may ask for whatever is listed: by another the first thing told is that he may not.
		{"two labels for the star", stage.istiod, serving(signerFoo, []string{"a.web.apps.example.com"}), "SubjectAltNameNotAllowed"},
		{"no label for the star", stage.istiod, serving(signerFoo, []string{"apps.example.com"}), "SubjectAltNameNotAllowed"},
		{"an address that is not listed", stage.istiod, serving(signerFoo, nil, "10.1.2.4"), "SubjectAltNameNotAllowed"},
		{"from another tenant's signer", stage.istiod, serving(signerBar, []string{"api.example.com"}), "SubjectAltNameNotAllowed"},
		{"with an identity", stage.istiod, both, "SubjectAltNameNotAllowed"},
		{"one that is listed and one that is not", stage.istiod, serving(signerFoo, []string{"api.example.com", "example.com"}),
			"SubjectAltNameNotAllowed"},
		{"a workload's identity", gateway, lab.Workload(signerFoo, "foo", "httpbin"), "RequesterNotAllowed"},
	}
	whereverItIsJudged(t, func(t *testing.T, denied string) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				got, issued := outcomeOf(t, c.by, c.request)
				if c.refusal != "" {
					if got != denied+c.refusal {
						t.Errorf("%s, want %s", got, denied+c.refusal)
					}
					return
				}
				if got != "signed by foo" {
					t.Fatal(got)
				}
				chain, err := lab.ParsePEM(issued.Object.Status.Certificate)
				if err != nil {
					t.Fatal(err)
				}
				expectProfile(t, chain[0], issued, c.request)
			})
		}
	})
}

func TestAnAccountASignerAndAGroupAreHeldToWhatIsSaidOfThem(t *testing.T) {
	policy := stagePolicy(t, "namespaces: [foo]", "namespaces: [foo]\n    serviceAccounts: [{name: vault, signers: [baz]}]",
		"namespaces: [bar]", "namespaces: [bar]\n    requesterGroups: [system:serviceaccounts:builds]") +
		"  signers: [{name: baz, certificate: {keys: [ECDSA-P384], maxDuration: 1h}}]\n"
	stage.authorities["baz"] = makeAuthority(t, "baz")
	t.Cleanup(func() { delete(stage.authorities, "baz") })
	account, err := stage.plane.CreateAccount(patient(t), "builds", "runner", lab.RequesterRules())
	if err != nil {
		t.Fatal(err)
	}
	runner := lab.NewIstiodStandIn(account.Client())
	serveReloading(t, "all", policyInFile(t, policy), append(allSigners[:len(allSigners):len(allSigners)], signerBaz)...)
	with := func(account, signer, key string, lifetime time.Duration) lab.Request {
		request := lab.Workload(signer, "foo", account)
		request.Key, request.Lifetime = key, lifetime
		return request
	}
	cases := []struct {
		name    string
		by      *lab.IstiodStandIn
		request lab.Request
		signer  string // whose CA signs; empty: a refusal
		refusal string
	}{
		{"an account's own signer", stage.istiod, with("vault", signerBaz, lab.P384, time.Hour), "baz", ""},
		{"another account's", stage.istiod, with("httpbin", signerBaz, lab.P384, time.Hour), "", "SignerNotAllowed"},
		{"its tenant's, by an account with one of its own", stage.istiod, with("vault", signerFoo, lab.P256, time.Hour), "", "SignerNotAllowed"},
		{"a key that the tenant may have and the signer does not take", stage.istiod, with("vault", signerBaz, lab.P256, time.Hour), "", "KeyNotAllowed"},
		{"a member of a tenant's group", runner, lab.Workload(signerBar, "bar", "httpbin"), "bar", ""},
		{"the same for another tenant", runner, lab.Workload(signerFoo, "foo", "httpbin"), "", "RequesterNotAllowed"},
	}
	whereverItIsJudged(t, func(t *testing.T, denied string) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				want := "signed by " + c.signer
				if c.refusal != "" {
					want = denied + c.refusal
				}
				if got, _ := outcomeOf(t, c.by, c.request); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			})
		}
		t.Run("a signer's longest life", func(t *testing.T) {
			got, issued := outcomeOf(t, stage.istiod, with("vault", signerBaz, lab.P384, 24*time.Hour))
			if denied == "failed: " { // nobody has shortened it
				if got != "failed: DurationTooLong" {
					t.Error(got)
				}
				return
			}
			if got != "signed by baz" || *issued.Object.Spec.ExpirationSeconds != 3600 {
				t.Fatalf("%s, %+v", got, issued)
			}
			chain, err := lab.ParsePEM(issued.Object.Status.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			made := issued.Object.CreationTimestamp.Time
			expectBetween(t, "notAfter", chain[0].NotAfter, made.Add(time.Hour), time.Now().Add(time.Hour))
		})
	})
}
