package lab

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

// The kinds of others by which a signer is chosen.
var (
	ProxyConfigs        = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1beta1", Resource: "proxyconfigs"}
	CertificateRequests = schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificaterequests"}
)

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// Dynamic acts as the administrator on kinds of others.
func (c *Cluster) Dynamic() *dynamic.DynamicClient { return dynamic.NewForConfigOrDie(c.admin) }

// HasKind tells whether the API server knows the kind by a definition.
func (c *Cluster) HasKind(ctx context.Context, resource schema.GroupVersionResource) (bool, error) {
	_, err := c.Dynamic().Resource(definitions).Get(ctx, resource.GroupResource().String(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// InstallKind makes the kind known to the API server, with no rules of its own for what it says.
func (c *Cluster) InstallKind(ctx context.Context, resource schema.GroupVersionResource, kind string) error {
	client := c.Dynamic()
	if _, err := client.Resource(definitions).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": resource.GroupResource().String()},
		"spec": map[string]any{
			"group": resource.Group, "scope": "Namespaced",
			"names": map[string]any{"kind": kind, "plural": resource.Resource, "singular": strings.ToLower(kind)},
			"versions": []any{map[string]any{
				"name": resource.Version, "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
			}},
		},
	}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	return c.awaitKind(ctx, resource)
}

// InstallKindOfIstio makes the kind known as Istio defines it.
func (c *Cluster) InstallKindOfIstio(ctx context.Context, resource schema.GroupVersionResource) error {
	folder, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "istio.io/api").Output()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(folder)), "kubernetes", "customresourcedefinitions.gen.yaml"))
	if err != nil {
		return err
	}
	for documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		document, err := documents.Read()
		if err != nil {
			return fmt.Errorf("Istio's definition of %v: %w", resource, err)
		}
		var definition unstructured.Unstructured
		if err := yaml.Unmarshal(document, &definition.Object); err != nil {
			return err
		}
		if definition.GetName() == resource.GroupResource().String() {
			if _, err := c.Dynamic().Resource(definitions).Create(ctx, &definition, metav1.CreateOptions{}); err != nil {
				return err
			}
			return c.awaitKind(ctx, resource)
		}
	}
}

func (c *Cluster) awaitKind(ctx context.Context, resource schema.GroupVersionResource) error {
	return Until(ctx, func() error {
		_, err := c.Dynamic().Resource(resource).List(ctx, metav1.ListOptions{})
		return err
	})
}

// RemoveKind returns when the definition is gone, and every object of the kind with it.
func (c *Cluster) RemoveKind(ctx context.Context, resource schema.GroupVersionResource) error {
	client, name := c.Dynamic().Resource(definitions), resource.GroupResource().String()
	if err := client.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return Until(ctx, func() error {
		_, err := client.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("the definition of %s is still there: %v", name, err)
	})
}
