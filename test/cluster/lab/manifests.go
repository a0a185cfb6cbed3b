package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

// render is what `kubectl kustomize` prints, decoded strictly.
func (c *Cluster) render(ctx context.Context, folder, dir string) ([]runtime.Object, error) {
	printed, err := c.Kubectl(ctx, dir, "kustomize", folder)
	if err != nil {
		return nil, err
	}
	return decodeStrictly(strings.NewReader(printed))
}

// decodeStrictly reads YAML documents of kinds that the client knows.
func decodeStrictly(printed io.Reader) ([]runtime.Object, error) {
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	for documents := yaml.NewYAMLReader(bufio.NewReader(printed)); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object, _, err := strict.Decode(document, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, document)
		}
		objects = append(objects, object)
	}
}
