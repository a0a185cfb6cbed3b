package lab

import (
	"context"
	"slices"
	"strings"
)

// Everything is the kind, namespace and name of every object that the API server has, but for events.
func (c *Cluster) Everything(ctx context.Context, dir string) ([]string, error) {
	kinds, err := c.Kubectl(ctx, dir, "api-resources", "--cached=false", "--verbs=list", "--output=name")
	if err != nil {
		return nil, err
	}
	listed := slices.DeleteFunc(strings.Fields(kinds), func(kind string) bool {
		return kind == "componentstatuses" || strings.HasPrefix(kind, "events")
	})
	objects, err := c.Kubectl(ctx, dir, "get", strings.Join(listed, ","), "--all-namespaces",
		`--output=jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{"\n"}{end}`)
	if err != nil {
		return nil, err
	}
	names := strings.Fields(objects)
	slices.Sort(names)
	return names, nil
}

// Lacking is the names that are none of the others.
func Lacking(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}
