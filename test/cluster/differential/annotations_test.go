package differential

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"signet/test/cluster/lab"
)

// What Istio looks for in the annotation, and what a Pod in namespace foo may have there: its tenant's signer, or the
// mesh's, which signs nothing for it.
const variable = "ISTIO_META_CERT_SIGNER"

var allowedSigners = []any{"foo", "istio-system"}

// The share of the mutants that must pass, and of those with a signer in them, for the test to say anything.
const (
	minPassed = 0.1
	minNamed  = 0.01
)

// The pieces that change how YAML is read, and the words that matter.
var pieces = []string{
	"\n", "\r\n", "\r", "\n  ", "\n    ", "\t", " ", "  ", ": ", ":", "- ", "? ", "| ", "|\n", ">-\n", "|2\n", "#", " # ", "'", "\"", "''", "\\",
	"\\x62", "\\u2028", "{", "}", "[", "]", ",", ", ", "&a ", "*a", "*a ", "<<: ", "!!str ", "!", "!!binary ", "%YAML 1.1\n", "---\n", "--- ", "...\n",
	"\u0085", "\u2028", "\u2029", "\ufeff", "\u00a0", "\x00", "\x7f", "\u0080", "~", "null", "0x7", "1e3", "yes", "foo", "bar", "istio-system",
	"proxyMetadata", "proxy_metadata", "proxyMetadata:", "proxyMetadata:\n  ", variable, variable + ": bar", variable + ": foo",
	"proxyMetadata: {" + variable + ": bar}", "proxyMetadata: {" + variable + ": bar}\n", "\nproxyMetadata: {" + variable + ": bar}\n",
	"\"proxyMetadata\": {\"" + variable + "\": \"bar\"}", "a: b\n", "=", "\U0001f600", "\U000e0001",
}

func seedAnnotations(t *testing.T) []string {
	project, err := lab.Project()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(project, "test", "fuzz", "corpus", "fuzz_pod_annotation", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var seeds []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if utf8.Valid(text) {
			seeds = append(seeds, string(text))
		}
	}
	return seeds
}

// An annotation made from one or two others: with something put in, taken out, repeated or moved, once or a few times.
func makeAnnotation(random *rand.Rand, seeds []string) string {
	text := one(random, seeds)
	if random.IntN(4) == 0 {
		text += one(random, seeds)
	}
	for range 1 + random.IntN(3) {
		runes := []rune(text)
		at := random.IntN(len(runes) + 1)
		to := min(len(runes), at+1+random.IntN(8))
		lines := strings.SplitAfter(text, "\n")
		switch random.IntN(8) {
		case 0, 1, 2:
			text = string(runes[:at]) + one(random, pieces) + string(runes[at:])
		case 3:
			text = string(runes[:at]) + one(random, pieces) + string(runes[to:])
		case 4:
			text = string(runes[:at]) + string(runes[to:])
		case 5:
			text = string(runes[:to]) + string(runes[at:])
		case 6:
			random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			text = strings.Join(lines, "")
		default:
			line := random.IntN(len(lines))
			text = strings.Join(slices.Insert(lines, line, one(random, []string{" ", "  ", "\t", "- ", "# "})), "")
		}
	}
	return text
}

// signersIn are those that Istio, which reads YAML by these packages, finds in an annotation; none where it finds no YAML.
func signersIn(annotation string) []any {
	text, err := yaml.YAMLToJSON([]byte(annotation))
	if err != nil {
		return nil
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		return nil
	}
	var signers []any
	for _, spelling := range []string{"proxyMetadata", "proxy_metadata"} {
		metadata, _ := config[spelling].(map[string]any)
		if signer, ok := metadata[variable]; ok {
			signers = append(signers, signer)
		}
	}
	return signers
}

// An annotation that passes names no signer to Istio but those that its Pod may have.
func TestAnAnnotationThatPassesHasOneReading(t *testing.T) {
	reader, seeds := startSignet(t, "annotations"), seedAnnotations(t)
	passed, named, differing := 0, 0, 0
	for i := range *mutants {
		annotation := makeAnnotation(randomOf(i), seeds)
		var signet struct{ Allowed bool }
		if err := reader.read([]byte(annotation), &signet); err != nil {
			t.Fatal(err)
		}
		if !signet.Allowed {
			continue
		}
		passed++
		signers := signersIn(annotation)
		if len(signers) > 0 {
			named++
		}
		for _, signer := range signers {
			if slices.Contains(allowedSigners, signer) {
				continue
			}
			t.Errorf("-seed %d, mutant %d: passes, and Istio finds signer %v in it:\n%q", *seed, i, signer, annotation)
			if differing++; differing == 10 {
				t.Fatal("that is enough")
			}
		}
	}
	t.Logf("%d mutants: %d pass, %d with a signer", *mutants, passed, named)
	if share := float64(passed) / float64(*mutants); share < minPassed {
		t.Errorf("%.2f of the mutants pass; with less than %.2f this test says little", share, minPassed)
	}
	if share := float64(named) / float64(*mutants); share < minNamed {
		t.Errorf("%.3f of the mutants pass with a signer; with less than %.3f this test says little", share, minNamed)
	}
}
