package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"signet/test/cluster/lab"
)

// place is the cluster that the demo plays in.
type place struct {
	cluster *lab.Cluster
	guest   bool         // others live there
	leave   func() error // stops what was started for it
}

// choose starts a control plane, or takes that of KUBECONFIG once it is fit for a demo and somebody agreed.
func choose(ctx context.Context, state string, yes bool) (*place, error) {
	if os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		say("starting etcd and kube-apiserver")
		plane, err := lab.StartControlPlane(state)
		if err != nil {
			return nil, err
		}
		return &place{cluster: plane.Cluster, leave: func() error {
			say("stopping etcd and kube-apiserver")
			return plane.Stop()
		}}, nil
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil)
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("KUBECONFIG: %w", err)
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("KUBECONFIG: %w", err)
	}
	if err := usable(config); err != nil {
		return nil, fmt.Errorf("KUBECONFIG, context %q: %w", raw.CurrentContext, err)
	}
	cluster, err := lab.NewCluster(config)
	if err != nil {
		return nil, fmt.Errorf("KUBECONFIG: %w", err)
	}
	version, err := fit(ctx, cluster)
	if err != nil {
		return nil, fmt.Errorf("%s (context %q): %w", cluster.Server(), raw.CurrentContext, err)
	}
	nodes, err := cluster.Admin().CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	fmt.Printf(`KUBECONFIG is set. The demo would play in
  context %s, server %s, Kubernetes %s, %d nodes
and create there, and remove again when it ends:
  namespaces %s and %s, with accounts; ClusterRoles and bindings for them
  what manifests/ holds, CA Secrets, the webhook configurations "signet"
  the CustomResourceDefinitions of ProxyConfig and CertificateRequest, where they are not there
`, raw.CurrentContext, cluster.Server(), version, len(nodes.Items), strings.Join(namespaces, ", "), lab.SignetNamespace)
	if err := agreed(yes); err != nil {
		return nil, err
	}
	return &place{cluster: cluster, guest: true, leave: func() error { return nil }}, nil
}

func agreed(yes bool) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return errors.New("nobody to ask: standard input is no terminal; --yes to go on")
	}
	fmt.Print("Go on? [y/N] ")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))) {
		return errors.New("nothing was done")
	}
	return nil
}

// objects is what there is before, or after.
func (p *place) objects(ctx context.Context, dir string) ([]string, error) {
	return p.cluster.Everything(ctx, dir)
}

// asBefore is an error if anything is left, or gone. In a cluster of others only what could be the demo's is compared: theirs
// comes and goes.
func (p *place) asBefore(ctx context.Context, dir string, before []string) error {
	after, err := p.objects(ctx, dir)
	if err != nil {
		return err
	}
	left, gone := lab.Lacking(after, before), lab.Lacking(before, after)
	if p.guest {
		left, gone = slices.DeleteFunc(left, theirs), nil
	}
	if len(left)+len(gone) > 0 {
		return fmt.Errorf("the cluster is not as it was: left %v, gone %v", left, gone)
	}
	say("the cluster is as it was: %d objects before and nothing of the demo after", len(before))
	return nil
}

// theirs tells of a kind/namespace/name that it cannot be the demo's.
func theirs(object string) bool {
	parts := strings.SplitN(object, "/", 3)
	if parts[1] != "" {
		return !slices.Contains(append(namespaces, lab.SignetNamespace), parts[1])
	}
	return !slices.Contains([]string{"Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition",
		"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}, parts[0])
}
