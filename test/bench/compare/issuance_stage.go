package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"

	"signet/test/cluster/lab"
)

// issuanceStage is a control plane of its own with Signet's account, istiod's, and a CA for each tenant. No signer runs yet.
type issuanceStage struct {
	plane       *lab.ControlPlane
	istiod      *lab.IstiodStandIn
	istiodUser  *lab.Account
	signet      *lab.Signet
	account     *lab.Account // Signet's, which may also PUT a status, for who writes in its place
	authorities map[string]*lab.Authority
	dir         string
}

// newIssuanceStage starts it; the CAs have keys of that kind.
func newIssuanceStage(ctx context.Context, dir, keys string) (_ *issuanceStage, err error) {
	s := &issuanceStage{dir: dir, authorities: map[string]*lab.Authority{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for _, tenant := range tenants {
		if s.authorities[tenant], err = lab.NewRootOf(keys, tenant); err != nil {
			return nil, err
		}
	}
	if s.plane, err = lab.StartControlPlane(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.end()
		}
	}()
	const csr = "certificatesigningrequests"
	rules := append(lab.SignetRules(signerNames()...), lab.Rules{
		{APIGroups: []string{certificatesv1.GroupName}, Resources: []string{csr + "/status"}, Verbs: []string{"update"}}}...)
	if s.account, err = s.plane.CreateAccount(ctx, "signet", "signet", rules); err != nil {
		return nil, err
	}
	rules = append(lab.IstiodRules(signerDomain), lab.Rules{
		{APIGroups: []string{certificatesv1.GroupName}, Resources: []string{"signers"}, ResourceNames: []string{lab.ControllerSigner}, Verbs: []string{"approve"}}}...)
	if s.istiodUser, err = s.plane.CreateAccount(ctx, "istio-system", "istiod", rules); err != nil {
		return nil, err
	}
	s.istiod = lab.NewIstiodStandIn(s.istiodUser.Client())
	project, err := lab.Project()
	if err != nil {
		return nil, err
	}
	s.signet, err = lab.NewSignet(filepath.Join(dir, "signet"), filepath.Join(project, "test", "testdata", "policy.yaml"), s.account, s.authorities)
	return s, err
}

// end takes it away; nobody needs what it holds.
func (s *issuanceStage) end() { s.plane.Kill() }

// await returns when the API server's way to the webhooks is as wished.
func (s *issuanceStage) await(ctx context.Context, wished func(asked bool, err error) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return lab.Until(ctx, func() error {
		asked, err := s.plane.IsAsked(ctx)
		if wished(asked, err) {
			return nil
		}
		return fmt.Errorf("webhooks asked: %t, %v", asked, err)
	})
}

// measure counts what the others, the control plane and this program use from now on.
func (s *issuanceStage) measure(others ...observed) (*meter, error) {
	m := &meter{processes: append(slices.Clone(others), observed{"kube-apiserver", s.plane.APIServer()}, observed{"etcd", s.plane.Etcd()}, observed{"client", nil})}
	var err error
	m.used, err = cpuOf(m.processes)
	m.began = time.Now()
	return m, err
}
