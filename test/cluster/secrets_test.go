package cluster

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// No key and no token is in anything that Signet tells anybody, whatever goes wrong.

// secrets are what must not be told: what each looks like in a text, and whose it is.
type secrets map[string]string

// add takes the bytes, raw and in every encoding in which they could get into a text.
func (s secrets) add(whose string, secret []byte) {
	hexadecimal := hex.EncodeToString(secret)
	forms := []string{string(secret), hexadecimal, strings.ToUpper(hexadecimal)}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 { // bytes of something else, in front of the secret and behind it
			text := encoding.EncodeToString(append(make([]byte, before), secret...))
			from, to := (8*before+5)/6, len(text)
			if (before+len(secret))%3 != 0 {
				to--
			}
			forms = append(forms, text[from:to])
		}
	}
	for _, form := range forms {
		s[unbroken(form)] = whose
	}
}

// addKey takes the private numbers of a key, and the lines of PEM that they are in.
func (s secrets) addKey(t *testing.T, whose string, key crypto.PrivateKey) {
	t.Helper()
	var numbers [][]byte
	var encoded [][]byte
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		number, err := k.Bytes()
		sec1, failed := x509.MarshalECPrivateKey(k)
		if err = errors.Join(err, failed); err != nil {
			t.Fatal(err)
		}
		numbers, encoded = [][]byte{number}, [][]byte{sec1}
	case *rsa.PrivateKey:
		numbers = [][]byte{k.D.Bytes(), k.Primes[0].Bytes(), k.Primes[1].Bytes()}
		encoded = [][]byte{x509.MarshalPKCS1PrivateKey(k)}
	default:
		t.Fatalf("%s: a key of type %T", whose, key)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range numbers {
		s.add(whose, number)
		for _, der := range append(encoded, pkcs8) {
			const lineBytes = 48 // of 64 characters
			begin := bytes.Index(der, number)
			for line := begin / lineBytes; line*lineBytes < begin+len(number); line++ {
				part := der[line*lineBytes : min((line+1)*lineBytes, len(der))]
				if len(part) > lineBytes/2 {
					s.add(whose, []byte(base64.StdEncoding.EncodeToString(part)))
				}
			}
		}
	}
}

// addPEM takes each key in the text.
func (s secrets) addPEM(t *testing.T, whose string, text []byte) {
	t.Helper()
	found := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatalf("%s: %v", whose, err)
		}
		s.addKey(t, whose, key)
		found = true
	}
	if !found {
		t.Fatalf("%s: no key", whose)
	}
}

// addToken takes what makes a service account's token one: its signature.
func (s secrets) addToken(whose, token string) {
	s.add(whose, []byte(token))
	s.add(whose, []byte(token[strings.LastIndex(token, ".")+1:]))
}

// marker is a secret that no parser takes: a text of its own.
func (s secrets) marker(whose string) string {
	text := "not-for-others-" + rand.Text()
	s.add(whose, []byte(text))
	return text
}

// unbroken is the text without what could stand within a secret that is printed over several lines.
func unbroken(text string) string {
	return strings.NewReplacer("\\n", "", "\n", "", "\r", "", " ", "", ":", "").Replace(text)
}

// in are those of which something is in the text.
func (s secrets) in(text string) (whose []string) {
	text = unbroken(text)
	for form, owner := range s {
		if strings.Contains(text, form) && !slices.Contains(whose, owner) {
			whose = append(whose, owner)
		}
	}
	return whose
}

// lines of the text in which something of a secret is.
func (s secrets) lines(text string) string {
	var found strings.Builder
	for line := range strings.Lines(text) {
		if s.in(line) != nil {
			found.WriteString(line)
		}
	}
	return found.String()
}

func TestASecretIsSeenWhereItIsTold(t *testing.T) {
	privateLine := map[string]int{lab.P256: 2, lab.P384: 2, lab.RSA2048: 9}
	for _, kind := range []string{lab.P256, lab.P384, lab.RSA2048} {
		key, err := lab.NewKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		kept := secrets{}
		kept.addKey(t, kind, key)
		text, err := lab.KeyPEM(key)
		if err != nil {
			t.Fatal(err)
		}
		quoted, err := json.Marshal(map[string]any{"message": "cannot read " + string(text), "level": "error"})
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		for how, written := range map[string]string{
			"PEM": string(text), "in JSON": string(quoted), "a Secret's data": base64.StdEncoding.EncodeToString(text),
			"hexadecimal": hex.EncodeToString(block.Bytes), "with colons": strings.ReplaceAll(fmt.Sprintf("% X", block.Bytes), " ", ":"),
			"URL base64": base64.RawURLEncoding.EncodeToString(block.Bytes), "a line of it": strings.Split(string(text), "\n")[privateLine[kind]],
		} {
			if kept.in("x"+written) == nil {
				t.Errorf("%s, %s: not seen in %q", kind, how, written)
			}
		}
		if seen := kept.in(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})) + hex.EncodeToString(public)); seen != nil {
			t.Errorf("%s: seen in a public key", kind)
		}
	}
	kept := secrets{}
	marker := kept.marker("a marker")
	if kept.in(`{"message":"got `+marker+`"}`) == nil || kept.in("nothing of it") != nil {
		t.Error("a marker is not seen, or seen where it is not")
	}
}

// told is everything that Signet told, by where it stands.
type told map[string]string

func (w told) add(where, text string) { w[where] += text }

// addFile takes what is in a file.
func (w told) addFile(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w.add(filepath.Base(path), string(text))
}

// run runs a command to its end, whatever that is.
func (w told) run(t *testing.T, input string, args ...string) {
	t.Helper()
	binary, err := lab.SignetBinary()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(patient(t), binary, args...)
	command.Stdin = strings.NewReader(input)
	out, err := command.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	w.add("signet "+strings.Join(args[:2], " "), string(out))
}

func TestNothingThatSignetTellsHasASecret(t *testing.T) {
	kept, heard := secrets{}, told{}
	t.Run("CAs, serving keys and a token in files", func(t *testing.T) { secretsInFiles(t, kept, heard) })
	t.Run("CAs and a serving key in Secrets", func(t *testing.T) { secretsInSecrets(t, kept, heard) })
	t.Run("what is not what it should be", func(t *testing.T) { secretsInTheWrongPlace(t, kept, heard) })

	total := 0
	for where, text := range heard {
		total += len(text)
		for _, whose := range kept.in(text) {
			t.Errorf("%s tells of %s:\n%s", where, whose, kept.lines(text))
		}
	}
	if total < 10_000 || len(kept) < 100 {
		t.Errorf("only %d bytes were looked through, for %d texts", total, len(kept))
	}
}

// said waits until the log says something once more.
func said(t *testing.T, process *lab.Process) func(what string) {
	from := 0
	return func(what string) {
		t.Helper()
		eventually(t, func() error {
			at := strings.Index(process.Output()[from:], what)
			if at < 0 {
				return fmt.Errorf("the log does not say %q:\n%s", what, process.Output()[from:])
			}
			from += at + len(what)
			return nil
		})
	}
}

func secretsInFiles(t *testing.T, kept secrets, heard told) {
	for signer, authority := range stage.authorities {
		kept.addKey(t, "the CA of "+signer, authority.Key)
	}
	signet := withOwnServing(t)
	account := stage.signetUser
	served, err := signet.As(account, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	served.Policy = policyInFile(t, stagePolicy(t))
	served.Arguments = []string{"--metrics-listen", "127.0.0.1:0", "--log-level", "debug", "--lease", "signet/secrets"}
	stage.signet = served
	process := serve(t, "all")
	log := said(t, process)
	said := func(what string) {
		t.Helper()
		log(what)
		heard.add("/readyz", page(t, &http.Client{Transport: &http.Transport{TLSClientConfig: served.ClientTLS()}}, "https://"+served.Address()+"/readyz"))
	}
	take := func(path string) []byte {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	certificate, key := served.ServingFiles()
	token := filepath.Join(served.Records, "token")
	kept.addPEM(t, "a serving key", take(key))
	kept.addToken("a token", string(take(token)))

	// Granted, refused by the signer, refused at the door.
	await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "told"))), lab.HasCertificate)
	await(t, approve(t, create(t, thief())), lab.HasFailed)
	register(t)
	_, _, err = stage.istiod.Create(patient(t), thief())
	expectRefused(t, err, "SignerNotAllowed")

	// CAs that cannot be used, and one that waits.
	folder := filepath.Join(served.Dir, "ca", "foo")
	other := newAuthority(t, "foo root")
	kept.addKey(t, "another CA of foo", other.Key)
	strange := newAuthority(t, "strange root")
	kept.addKey(t, "a CA of nobody", strange.Key)
	strangeKey, err := lab.KeyPEM(strange.Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{kept.marker("a key that is none"), string(strangeKey), string(strangeKey[:len(strangeKey)/2])} {
		replaceFile(t, filepath.Join(folder, "tls.key"), text)
		heard.run(t, "", "ca", "status", "--policy", served.Policy, "--ca-dir", filepath.Dir(folder))
		said("CA not taken: ")
		heard.run(t, "", "ca", "activate", "--policy", served.Policy, "--ca-dir", filepath.Dir(folder), "--force")
	}
	if err := other.WriteTo(folder); err != nil {
		t.Fatal(err)
	}
	said("another CA key waits for")
	for _, command := range [][]string{{"ca", "roots", "--output", "json"}, {"ca", "status", "--output", "json"}, {"ca", "activate", "--force"}} {
		heard.run(t, "", append(command, "--policy", served.Policy, "--ca-dir", filepath.Dir(folder))...)
	}
	said("another CA key is in force")

	// Serving files.
	before := string(take(key))
	for _, text := range []string{kept.marker("a serving key that is none"), string(strangeKey)} {
		replaceFile(t, key, text)
		said("serving certificate not taken")
	}
	if err := served.RenewServing(); err != nil {
		t.Fatal(err)
	}
	kept.addPEM(t, "a renewed serving key", take(key))
	said("serving certificate reloaded")
	replaceFile(t, certificate, before) // the key in place of the certificate

	// A token that is renewed, one that is refused, none at all.
	second, err := stage.plane.ExistingAccount(patient(t), account.Namespace, account.Name)
	if err != nil {
		t.Fatal(err)
	}
	good := string(take(token))
	renewedToken := second.Config().BearerToken
	kept.addToken("a renewed token", renewedToken)
	replaceFile(t, token, renewedToken)
	await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "told-again"))), lab.HasCertificate)
	for _, bad := range []struct{ text, problem string }{
		{kept.marker("a token that is none"), "Unauthorized"},
		{kept.marker("a token of two") + " words", token + ": not a token"},
		{good[:len(good)-4] + "AAAA", "Unauthorized"},
	} {
		replaceFile(t, token, bad.text)
		said(bad.problem)
		heard.run(t, "", "ca", "roots", "--policy", served.Policy, "--ca-namespace", "cas", "--kubeconfig", filepath.Join(filepath.Dir(token), "kubeconfig"))
	}
	replaceFile(t, token, good)

	// A policy that is a key.
	text := string(take(served.Policy))
	replaceFile(t, served.Policy, string(strangeKey))
	said("policy not taken")
	replaceFile(t, served.Policy, text)

	heard.add("/metrics", page(t, http.DefaultClient, fmt.Sprintf("http://127.0.0.1:%s/metrics", logged(t, process, "serving metrics")["port"])))
	stop(t, process)
	heard.add("the log of files", process.Output())
	heard.addFile(t, served.AuditLog())
	heard.addFile(t, served.ReviewLog())
	heard.addObjects(t)
}

func secretsInSecrets(t *testing.T, kept secrets, heard told) {
	const namespace = "told"
	rules := slices.Concat(lab.SignetRules(allSigners...), lab.LeaseRules(), lab.ServingRules("serving"), lab.Rules{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "create", "update"}}})
	account, err := stage.plane.CreateAccount(patient(t), namespace, "signet", rules)
	if err != nil {
		t.Fatal(err)
	}
	client := stage.plane.Admin().CoreV1().Secrets(namespace)
	t.Cleanup(func() {
		if err := client.DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
			t.Error(err)
		}
	})
	before := stage.signet
	served, err := before.As(account, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stage.signet = served
	t.Cleanup(func() { stage.signet = before })
	kubeconfig := filepath.Join(served.Records, "kubeconfig")
	kept.addToken("a token beside Secrets", account.Config().BearerToken)
	place := []string{"--policy", served.Policy, "--ca-namespace", namespace, "--kubeconfig", kubeconfig}
	command := func(args ...string) { heard.run(t, "", append(args, place...)...) }
	command("ca", "init", "--key", "RSA-2048", "--signer", "bar")
	command("ca", "init")
	command("ca", "init", "--signer", "foo", "--signer", "istio-system")
	secret := func(name string) *corev1.Secret {
		t.Helper()
		found, err := client.Get(patient(t), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	change := func(name, key string, value []byte) {
		t.Helper()
		changed := secret(name)
		changed.Data[key] = value
		if _, err := client.Update(patient(t), changed, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, signer := range []string{"foo", "bar", "istio-system"} {
		kept.addPEM(t, "the CA Secret of "+signer, secret(signer + "-ca").Data["tls.key"])
	}

	binary, err := lab.SignetBinary()
	if err != nil {
		t.Fatal(err)
	}
	process, err := lab.StartProcess("signet-told", served.Records, binary, append([]string{"serve", "--listen", served.Address(), "--log-level", "debug",
		"--serving-secret", namespace + "/serving", "--serving-name", "localhost", "--lease", namespace + "/signet"}, place...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	said := said(t, process)
	said(`"message":"signing"`)
	made := secret("serving")
	for name, value := range made.Data {
		if bytes.Contains(value, []byte("PRIVATE KEY")) {
			kept.addPEM(t, "the serving Secret's "+name, value)
		}
	}
	await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "told-by-secrets"))), lab.HasCertificate)
	await(t, approve(t, create(t, thief())), lab.HasFailed)

	original := secret("foo-ca").Data["tls.key"]
	for _, value := range [][]byte{[]byte(kept.marker("a CA Secret that is none")), secret("bar-ca").Data["tls.key"], {}} {
		change("foo-ca", "tls.key", value)
		command("ca", "status")
		command("ca", "activate", "--force")
		command("ca", "roots")
	}
	said("CA not taken: ")
	change("foo-ca", "tls.key", original)
	command("ca", "activate", "--force")
	command("ca", "status", "--output", "json")
	change("serving", "tls.key", []byte(kept.marker("a serving Secret that is none")))
	said("serving certificate not ")
	stop(t, process)
	heard.add("the log of Secrets", process.Output()) // with both audit logs
	heard.addObjects(t)
}

func secretsInTheWrongPlace(t *testing.T, kept secrets, heard told) {
	key := newAuthority(t, "mistaken")
	kept.addKey(t, "a mistaken key", key.Key)
	text, err := lab.KeyPEM(key.Key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		replaceFile(t, path, text)
		return path
	}
	keyFile := file("tls.key", string(text))
	token := kept.marker("a token in a kubeconfig")
	certificate := base64.StdEncoding.EncodeToString(lab.PEM(key.Certificate))
	keyData := base64.StdEncoding.EncodeToString(text)
	user := func(user string) string {
		return "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- {name: a, context: {cluster: a, user: a}}\nclusters:\n" +
			"- {name: a, cluster: {server: 'https://127.0.0.1:1', certificate-authority-data: " + certificate + "}}\nusers:\n- {name: a, user: {" + user + "}}\n"
	}
	policy := stage.signet.Policy
	for i, kubeconfig := range []string{
		user("token: " + token), user("token: [" + token + "]"), user("token: " + token + ", token: " + token), user("token: '" + token),
		user("token: *" + token), user("token: \"" + token + " " + token + "\""), user("token: 0x" + hex.EncodeToString([]byte(token))),
		user("password: " + token), user("client-key-data: " + keyData), user("client-key-data: " + keyData[1:] + ", client-certificate-data: " + certificate),
		user("client-key-data: " + base64.StdEncoding.EncodeToString([]byte(token)) + ", client-certificate-data: " + certificate),
		user("client-key-data: " + base64.StdEncoding.EncodeToString([]byte(newKeyPEM(t, kept))) + ", client-certificate-data: " + certificate),
		strings.ReplaceAll(user("token: a"), "https://127", "https://admin:"+token+"@127"), string(text),
	} {
		path := file(fmt.Sprintf("kubeconfig-%d", i), kubeconfig)
		heard.run(t, "", "ca", "roots", "--policy", policy, "--ca-namespace", "cas", "--kubeconfig", path)
		heard.run(t, "", "serve", "--role", "signer", "--policy", policy, "--ca-dir", filepath.Join(stage.signet.Dir, "ca"), "--kubeconfig", path)
	}
	for _, command := range [][]string{
		{"policy", "check", keyFile}, {"policy", "check", keyFile, "--output", "json"}, {"policy", "check", keyFile, "--output", "sarif"},
		{"policy", "test", keyFile}, {"policy", "diff", policy, policy, "--audit", keyFile}, {"review", "--policy", keyFile},
		{"review", "--policy", policy}, {"audit", "verify", keyFile}, {"audit", "verify", keyFile, "--output", "json"},
		{"render", "webhooks", "--policy", policy, "--ca-bundle", keyFile}, {"render", "proxyconfigs", "--policy", policy, "--namespaces", keyFile},
		{"ca", "status", "--policy", policy, "--ca-dir", filepath.Join(stage.signet.Dir, "ca"), "--mesh-config", keyFile},
		{"serve", "--role", "webhook", "--policy", policy, "--ca-dir", filepath.Join(stage.signet.Dir, "ca-public"), "--tls-cert", keyFile, "--tls-key", keyFile},
		{"serve", "--role", "webhook", "--policy", policy, "--ca-dir", filepath.Join(stage.signet.Dir, "ca-public"), "--tls-cert", keyFile, "--tls-key", keyFile,
			"--client-ca", keyFile, "--log-level", "debug"},
		{"serve", "--policy", keyFile},
	} {
		heard.run(t, string(text), command...)
	}
}

func newKeyPEM(t *testing.T, kept secrets) string {
	t.Helper()
	key, err := lab.NewKey(lab.P256)
	if err != nil {
		t.Fatal(err)
	}
	kept.addKey(t, "a client key of another certificate", key)
	text, err := lab.KeyPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// addObjects takes what Signet may have written to the API server, but for the data of Secrets.
func (w told) addObjects(t *testing.T) {
	t.Helper()
	admin := stage.plane.Admin()
	add := func(where string, objects any, err error) {
		t.Helper()
		text, failed := json.Marshal(objects)
		if err := errors.Join(err, failed); err != nil {
			t.Fatal(err)
		}
		w.add(where, string(text))
	}
	requests, err := admin.CertificatesV1().CertificateSigningRequests().List(patient(t), metav1.ListOptions{})
	add("CertificateSigningRequests", requests, err)
	events, err := admin.CoreV1().Events("").List(patient(t), metav1.ListOptions{})
	add("Events", events, err)
	leases, err := admin.CoordinationV1().Leases("").List(patient(t), metav1.ListOptions{})
	add("Leases", leases, err)
	validating, err := admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().List(patient(t), metav1.ListOptions{})
	add("webhook configurations", validating, err)
	mutating, err := admin.AdmissionregistrationV1().MutatingWebhookConfigurations().List(patient(t), metav1.ListOptions{})
	add("webhook configurations", mutating, err)
	found, err := admin.CoreV1().Secrets("").List(patient(t), metav1.ListOptions{})
	for i := range found.Items {
		found.Items[i].Data = nil
	}
	add("Secrets without their data", found, err)
}

// page is what is served there.
func page(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
