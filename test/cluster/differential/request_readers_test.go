package differential

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
)

type name struct{ Type, Value string }

// facts are what Signet reads of a request.
type facts struct {
	Refused        string
	Granted        bool // some signer of the policy would sign it
	Key            string
	SPKI           []byte
	Signature      string
	NameExtensions int
	Names          []name
	CA             bool
	Subject        []string
	Usages         []string
	Others         []string
}

// The attribute in which Microsoft's clients put what they request; of nobody's concern here, and refused.
const microsoftsExtensions = "1.3.6.1.4.1.311.2.1.14"

const (
	verified   = "verified"
	notChecked = "unchecked"
)

// differ says where two readings part.
func differ(what string, signet, other any) error {
	return fmt.Errorf("%s: Signet reads %q, another %q", what, signet, other)
}

// RFC 5280 §4.2.1.3, by bit, as Signet names them and as openssl prints them.
var keyUsages = []struct{ signet, openssl string }{
	{"digital signature", "Digital Signature"}, {"content commitment", "Non Repudiation"}, {"key encipherment", "Key Encipherment"},
	{"data encipherment", "Data Encipherment"}, {"key agreement", "Key Agreement"}, {"", "Certificate Sign"}, {"", "CRL Sign"},
	{"encipher only", "Encipher Only"}, {"decipher only", "Decipher Only"},
}

// What X.500 attributes are called for short; Signet has these names of OpenSSL.
var shortNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
	"2.5.4.10": "O", "2.5.4.11": "OU",
}

// goDiffers says where Go reads otherwise than Signet, which has taken the request. Of what is granted it must read all.
func goDiffers(text []byte, signet *facts) error {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return fmt.Errorf("PEM: Go does not find one block alone")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		if signet.Granted {
			return fmt.Errorf("what is granted cannot be read by Go: %w", err)
		}
		return nil
	}
	if !bytes.Equal(signet.SPKI, request.RawSubjectPublicKeyInfo) {
		return differ("key", signet.SPKI, request.RawSubjectPublicKeyInfo)
	}
	if key := keyName(request.PublicKey); signet.Signature != notChecked && signet.Key != key {
		return differ("kind of key", signet.Key, key)
	}
	if err := request.CheckSignature(); signet.Signature == verified && err != nil {
		return fmt.Errorf("signature: Signet verifies it, Go does not: %w", err)
	}
	read := facts{}
	for _, extension := range request.Extensions {
		if err := read.add(extension); err != nil {
			return fmt.Errorf("extension %v, which Signet reads: %w", extension.Id, err)
		}
	}
	if signet.NameExtensions != read.NameExtensions {
		return differ("extensions with names", fmt.Sprint(signet.NameExtensions), fmt.Sprint(read.NameExtensions))
	}
	if !slices.Equal(signet.Names, read.Names) {
		return differ("names", signet.Names, read.Names)
	}
	if signet.CA != read.CA {
		return differ("CA", fmt.Sprint(signet.CA), fmt.Sprint(read.CA))
	}
	if !slices.Equal(signet.Usages, read.Usages) {
		return differ("usages", signet.Usages, read.Usages)
	}
	for _, other := range read.Others {
		if !slices.Contains(signet.Others, other) {
			return differ("other extensions", signet.Others, read.Others)
		}
	}
	if err := goFieldsDiffer(request, signet); err != nil {
		return err
	}
	return goSubjectDiffers(request, signet)
}

func keyName(key any) string {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA-" + strings.ReplaceAll(key.Curve.Params().Name, "-", "")
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", key.N.BitLen())
	default:
		return fmt.Sprintf("%T", key)
	}
}

// add reads one extension with nothing but Go's encoding/asn1.
func (f *facts) add(extension pkix.Extension) error {
	all := func(out any) error {
		rest, err := asn1.Unmarshal(extension.Value, out)
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("%d bytes behind it", len(rest))
		}
		return err
	}
	switch {
	case extension.Id.Equal(subjectAltName):
		var names []asn1.RawValue
		if err := all(&names); err != nil {
			return err
		}
		f.NameExtensions++
		for _, raw := range names {
			f.Names = append(f.Names, nameOf(raw))
		}
	case extension.Id.Equal(keyUsage):
		var bits asn1.BitString
		if err := all(&bits); err != nil {
			return err
		}
		for bit, usage := range keyUsages {
			if bits.At(bit) == 0 {
				continue
			}
			f.CA = f.CA || usage.signet == ""
			if usage.signet != "" {
				f.Usages = append(f.Usages, usage.signet)
			}
		}
	case extension.Id.Equal(extendedKeyUsage):
		var usages []asn1.ObjectIdentifier
		if err := all(&usages); err != nil {
			return err
		}
		for _, usage := range usages {
			switch {
			case usage.Equal(serverAuth):
				f.Usages = append(f.Usages, "server auth")
			case usage.Equal(clientAuth):
				f.Usages = append(f.Usages, "client auth")
			default:
				f.Usages = append(f.Usages, usage.String())
			}
		}
	case extension.Id.Equal(basicConstraints):
		var read constraints
		if err := all(&read); err != nil {
			return err
		}
		f.CA = f.CA || read.IsCA
	default:
		f.Others = append(f.Others, extension.Id.String())
	}
	return nil
}

func nameOf(raw asn1.RawValue) name {
	switch raw.Tag {
	case 1:
		return name{"email", string(raw.Bytes)}
	case 2:
		return name{"DNS", string(raw.Bytes)}
	case 6:
		return name{"URI", string(raw.Bytes)}
	case 7:
		if len(raw.Bytes) == net.IPv4len || len(raw.Bytes) == net.IPv6len {
			return name{"IP", net.IP(raw.Bytes).String()}
		}
		return name{"IP", fmt.Sprintf("an address of %d bytes", len(raw.Bytes))}
	case 0:
		var id asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(raw.Bytes, &id); err != nil {
			return name{"other", err.Error()}
		}
		return name{"other", "otherName " + id.String()}
	case 3:
		return name{"other", "x400Address"}
	case 4:
		return name{"other", "directoryName"}
	case 5:
		return name{"other", "ediPartyName"}
	case 8:
		content := append([]byte{oid, byte(len(raw.Bytes))}, raw.Bytes...)
		var id asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(content, &id); err != nil {
			return name{"other", err.Error()}
		}
		return name{"other", "registeredID " + id.String()}
	default:
		return name{"?", fmt.Sprint(raw.Tag)}
	}
}

// goFieldsDiffer looks at the names that Go hands to whoever does not read extensions: istiod, cert-manager.
func goFieldsDiffer(request *x509.CertificateRequest, signet *facts) error {
	read := map[string][]string{"DNS": request.DNSNames, "email": request.EmailAddresses}
	for _, uri := range request.URIs {
		read["URI"] = append(read["URI"], uri.String())
	}
	for _, address := range request.IPAddresses {
		read["IP"] = append(read["IP"], address.String())
	}
	for _, kind := range []string{"DNS", "email", "URI", "IP"} {
		var asked []string
		for _, name := range signet.Names {
			if name.Type == kind {
				asked = append(asked, name.Value)
			}
		}
		// Go writes a URI in its own way, which only matters where one is granted.
		if kind == "URI" && !signet.Granted && len(asked) == len(read[kind]) {
			continue
		}
		if !slices.Equal(asked, read[kind]) {
			return differ(kind+" names", asked, read[kind])
		}
	}
	return nil
}

func goSubjectDiffers(request *x509.CertificateRequest, signet *facts) error {
	var sequence pkix.RDNSequence
	if _, err := asn1.Unmarshal(request.RawSubject, &sequence); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	var read []string
	for _, set := range sequence {
		for _, attribute := range set {
			text, isText := attribute.Value.(string)
			if isText && text == "" {
				continue
			}
			label := attribute.Type.String()
			if short, ok := shortNames[label]; ok {
				label = short
			}
			if isText && text != "?" {
				read = append(read, label+"="+text)
			}
		}
	}
	// A value that is no text is a question mark to Signet, and nothing here.
	told := slices.DeleteFunc(slices.Clone(signet.Subject), func(name string) bool { return strings.HasSuffix(name, "=?") })
	if len(read) != len(told) {
		return differ("subject", signet.Subject, read)
	}
	for i := range read {
		readLabel, readText, _ := strings.Cut(read[i], "=")
		label, text, _ := strings.Cut(told[i], "=")
		known := !strings.Contains(readLabel, ".") || strings.Contains(label, ".")
		if known && readLabel != label || text != readText {
			return differ("subject", signet.Subject, read)
		}
	}
	return nil
}

// opensslDiffers does the same with openssl req. Of names of other kinds it only looks that they are there.
func opensslDiffers(ctx context.Context, text []byte, signet *facts) error {
	command := exec.CommandContext(ctx, "openssl", "req", "-config", "/dev/null", "-noout", "-verify", "-pubkey", "-text", "-subject",
		"-nameopt", "sep_multiline,sname,utf8")
	var verdict strings.Builder
	command.Stdin, command.Stderr = bytes.NewReader(text), &verdict
	told, err := command.Output()
	output := string(told)
	if err != nil && (signet.Granted || signet.Signature == verified) {
		return fmt.Errorf("openssl cannot read it: %w: %s", err, &verdict)
	}
	if err != nil {
		return nil
	}
	if isVerified := strings.Contains(verdict.String(), "self-signature verify OK"); signet.Signature == verified && !isVerified {
		return fmt.Errorf("signature: Signet verifies it, openssl does not: %s", &verdict)
	}
	if key, _ := pem.Decode(told[max(0, strings.Index(output, "-----BEGIN PUBLIC KEY")):]); signet.Signature != notChecked &&
		(key == nil || !bytes.Equal(key.Bytes, signet.SPKI)) {
		return differ("key", base64.StdEncoding.EncodeToString(signet.SPKI), output)
	}
	if !signet.Granted && (slices.Contains(signet.Others, microsoftsExtensions) || strings.Contains(verdict.String(), "Error printing")) {
		return nil // it finds extensions in an attribute that is refused, or stumbles over one
	}
	if err := opensslSubjectDiffers(output, signet); err != nil {
		return err
	}
	if printed := valuesUnder(output, "X509v3 Subject Alternative Name:"); len(printed) != signet.NameExtensions {
		return differ("extensions with names", fmt.Sprint(signet.NameExtensions), output)
	} else {
		// An empty list is told in a word.
		printed = slices.DeleteFunc(printed, func(names string) bool { return names == "" || names == "<EMPTY>" })
		if err := opensslNamesDiffer(strings.Join(printed, ", "), signet); err != nil {
			return err
		}
	}
	return opensslUsagesDiffer(output, signet)
}

// valuesUnder are the lines below each line with the label.
func valuesUnder(output, label string) []string {
	var values []string
	lines := strings.Split(output, "\n")
	for i, line := range lines[:len(lines)-1] {
		if strings.HasPrefix(strings.TrimSpace(line), label) {
			values = append(values, strings.TrimLeft(lines[i+1], " "))
		}
	}
	return values
}

func opensslSubjectDiffers(output string, signet *facts) error {
	const separator = "\n    "
	_, printed, found := strings.Cut(output[max(0, strings.LastIndex(output, "\nsubject=")):], "subject=")
	if !found {
		return fmt.Errorf("subject: openssl tells none: %s", output)
	}
	// Attributes of one RDN stand on one line, and those without a value are told, too.
	apart := func(text string) []string {
		names := strings.Split(strings.ReplaceAll(text, " + ", separator), separator)
		return slices.DeleteFunc(names, func(name string) bool { return name == "" || strings.HasSuffix(name, "=") })
	}
	read, told := apart(strings.TrimSuffix(printed, "\n")), apart(strings.Join(signet.Subject, separator))
	if !slices.EqualFunc(read, told, func(read, told string) bool {
		label, isNoText := strings.CutSuffix(told, "=?")
		return read == told || isNoText && strings.HasPrefix(read, label+"=")
	}) {
		return differ("subject", told, read)
	}
	return nil
}

func opensslNamesDiffer(printed string, signet *facts) error {
	labels := map[string]string{"URI": "URI:", "DNS": "DNS:", "email": "email:"}
	rest := printed
	for i, name := range signet.Names {
		if i > 0 {
			rest = strings.TrimPrefix(rest, ", ")
		}
		expected, isText := labels[name.Type]
		if !isText { // up to the next name
			_, rest, _ = strings.Cut(rest+", ", ", ")
			rest = strings.TrimSuffix(rest, ", ")
			continue
		}
		after, found := strings.CutPrefix(rest, expected+name.Value)
		if !found {
			return differ("names", fmt.Sprint(signet.Names), printed)
		}
		rest = after
	}
	if rest != "" {
		return differ("names", fmt.Sprint(signet.Names), printed)
	}
	return nil
}

func opensslUsagesDiffer(output string, signet *facts) error {
	ca := false
	var usages []string
	for _, line := range valuesUnder(output, "X509v3 Key Usage:") {
		for printed := range strings.SplitSeq(line, ", ") {
			for _, usage := range keyUsages {
				if usage.openssl == printed && usage.signet == "" {
					ca = true
				} else if usage.openssl == printed {
					usages = append(usages, usage.signet)
				}
			}
		}
	}
	for _, line := range valuesUnder(output, "X509v3 Extended Key Usage:") {
		usages = append(usages, extendedUsages(line)...)
	}
	for _, line := range valuesUnder(output, "X509v3 Basic Constraints:") {
		ca = ca || strings.Contains(line, "CA:TRUE")
	}
	if ca != signet.CA {
		return differ("CA", fmt.Sprint(signet.CA), output)
	}
	var known []string
	for _, usage := range signet.Usages {
		if !strings.Contains(usage, ".") { // openssl has words for OIDs that Signet has none for
			known = append(known, usage)
		}
	}
	slices.Sort(known)
	slices.Sort(usages)
	if !slices.Equal(known, usages) {
		return differ("usages", signet.Usages, output)
	}
	return nil
}

func extendedUsages(line string) []string {
	var usages []string
	for printed := range strings.SplitSeq(line, ", ") {
		switch printed {
		case "TLS Web Server Authentication":
			usages = append(usages, "server auth")
		case "TLS Web Client Authentication":
			usages = append(usages, "client auth")
		}
	}
	return usages
}
