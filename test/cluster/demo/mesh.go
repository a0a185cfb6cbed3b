package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"

	"signet/test/cluster/lab"
)

const (
	domain     = "clusterissuers.cert-manager.io"
	signerFoo  = domain + "/foo"
	signerBar  = domain + "/bar"
	signerMesh = domain + "/istio-system"
)

// mesh is everything that the demo makes in a cluster.
type mesh struct {
	cluster     *lab.Cluster
	before      []string // the objects of the cluster
	installed   *lab.Installation
	process     *lab.Process
	istiod      *lab.IstiodStandIn
	istiodUser  *lab.Account
	thief       *kubernetes.Clientset // a service account of bar whose RBAC on requests is as broad as it can be
	authorities map[string]*x509.Certificate
	kinds       []schema.GroupVersionResource // those that were not there

	auditLog, reviewLog, log string
}

// namespaces are those that the mesh has beside Signet's own.
var namespaces = []string{"foo", "bar", "istio-system"}

// start brings up the accounts, the kinds, the three CAs and Signet. The webhooks are not registered yet.
func (m *mesh) start(ctx context.Context, state, records string) (err error) {
	m.auditLog, m.reviewLog, m.log = filepath.Join(records, "audit.jsonl"), filepath.Join(records, "reviews.jsonl"), filepath.Join(records, "signet.log")
	if err = m.populate(ctx); err != nil {
		return err
	}
	// The records and Signet's log stay; the keys do not.
	if m.installed, err = m.cluster.NewInstallation(ctx, "manifests", filepath.Join(state, "signet")); err != nil {
		return err
	}
	m.installed.Logs = records
	say("kubectl apply -f manifests/base/namespace.yaml")
	if err = m.installed.MakeNamespace(ctx); err != nil {
		return err
	}
	say("signet ca init: the CAs of foo, bar and the mesh, as Secrets; openssl: the serving certificate")
	if err = m.installed.Prepare(ctx); err != nil {
		return err
	}
	if err = m.readAuthorities(ctx); err != nil {
		return err
	}
	say("kubectl apply -k manifests, after the same with --dry-run=server")
	if err = m.installed.Apply(ctx); err != nil {
		return err
	}
	// The process here is the Deployment's pod: one more would be a second signer.
	if _, err = m.cluster.Kubectl(ctx, state, "scale", "deployment/signet", "--namespace", lab.SignetNamespace, "--replicas=0"); err != nil {
		return err
	}
	say("starting Signet as the Deployment's pod would be: its account, arguments and volumes")
	if m.process, err = m.installed.Launch(ctx, "signet", "--audit-log", m.auditLog, "--review-log", m.reviewLog); err != nil {
		return err
	}
	return m.installed.AwaitReady(m.process)
}

func (m *mesh) populate(ctx context.Context) (err error) {
	say("making namespaces and accounts of foo, bar and istio-system")
	if m.istiodUser, err = m.cluster.CreateAccount(ctx, "istio-system", "istiod", lab.IstiodRules(domain)); err != nil {
		return err
	}
	thief, err := m.cluster.CreateAccount(ctx, "bar", "thief", lab.ForgerRules(domain))
	if err != nil {
		return err
	}
	if _, err := m.cluster.Admin().CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "foo"}},
		metav1.CreateOptions{}); err != nil {
		return err
	}
	m.istiod, m.thief = lab.NewIstiodStandIn(m.istiodUser.Client()), thief.Client()
	for kind, resource := range map[string]schema.GroupVersionResource{"ProxyConfig": lab.ProxyConfigs, "CertificateRequest": lab.CertificateRequests} {
		if there, err := m.cluster.HasKind(ctx, resource); err != nil {
			return err
		} else if there {
			continue
		}
		m.kinds = append(m.kinds, resource)
		if err := m.cluster.InstallKind(ctx, resource, kind); err != nil {
			return err
		}
	}
	return nil
}

func (m *mesh) readAuthorities(ctx context.Context) error {
	m.authorities = map[string]*x509.Certificate{}
	for _, signer := range []string{"foo", "bar", "istio-system"} {
		root, err := m.installed.Certificate(ctx, signer)
		if err != nil {
			return err
		}
		certificates, err := lab.ParsePEM(root)
		if err != nil {
			return err
		}
		m.authorities[signer] = certificates[0]
	}
	return nil
}

// guard registers the webhooks and waits until the API server calls them.
func (m *mesh) guard(ctx context.Context) error {
	say("registering the webhooks: signet render webhooks | kubectl apply --server-side -f -")
	if err := m.installed.Register(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	requests := m.istiodUser.Client().CertificatesV1().CertificateSigningRequests()
	for {
		object, _, err := lab.Workload(signerFoo, "bar", "thief").Object()
		if err != nil {
			return err
		}
		_, err = requests.Create(ctx, object, dry)
		if err != nil && strings.Contains(err.Error(), "denied the request: ") {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the API server does not call Signet on this machine's loopback; does it run in a container or behind a forwarded port? last answer: %w",
				errors.Join(ctx.Err(), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// remove takes away whatever start and the acts made, however far they came. The webhooks go first, and Signet after them:
// nobody waits for it.
func (m *mesh) remove(ctx context.Context, dir string) error {
	var failed []error
	if m.installed != nil {
		failed = append(failed, m.installed.Unregister(ctx), m.process.Stop(10*time.Second), m.installed.Uninstall(ctx))
	}
	failed = append(failed, m.removeRequests(ctx))
	for _, resource := range m.kinds {
		failed = append(failed, m.cluster.RemoveKind(ctx, resource))
	}
	for _, account := range []string{"istio-system:istiod", "bar:thief"} {
		_, err := m.cluster.Kubectl(ctx, dir, "delete", "clusterroles,clusterrolebindings", account, "--ignore-not-found")
		failed = append(failed, err)
	}
	for _, namespace := range namespaces {
		failed = append(failed, m.cluster.DeleteNamespace(ctx, dir, namespace))
	}
	return errors.Join(failed...)
}

// removeRequests deletes those that the demo's accounts made and did not delete themselves.
func (m *mesh) removeRequests(ctx context.Context) error {
	client := m.cluster.Admin().CertificatesV1().CertificateSigningRequests()
	list, err := client.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, request := range list.Items {
		if request.Spec.Username == "system:serviceaccount:istio-system:istiod" || request.Spec.Username == "system:serviceaccount:bar:thief" {
			if err := client.Delete(ctx, request.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
	}
	return nil
}
