# What Signet checks of a CertificateSigningRequest at CREATE, as far as Rego can: no builtin verifies a PKCS#10's signature, and
# parse_certificate_request leaves out alternative names that it does not know. The rules' data is made of the very policy that
# Signet is given. What is granted is found in one pass over facts that are looked up; reasons are put together for a denial
# alone.
package system

main := {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}

response := {"uid": input.request.uid, "allowed": true} if granted

else := {
	"uid": input.request.uid,
	"allowed": false,
	"status": {"code": 403, "reason": "Forbidden", "message": concat("; ", reasons)},
}

granted if {
	requester_allowed
	lifetime_allowed
	usages_allowed
	not asks_to_be_a_ca
	key_allowed
	extensions_allowed
	signer_allowed
}

spec := input.request.object.spec

csr := crypto.x509.parse_certificate_request(spec.request)

requester_allowed if data.signet.requesters[input.request.userInfo.username]

lifetime_allowed if {
	spec.expirationSeconds >= data.signet.minDuration
	spec.expirationSeconds <= data.signet.maxDuration
}

usages_allowed if {
	count(spec.usages) > 0
	every usage in spec.usages { data.signet.usages[usage] }
}

asks_to_be_a_ca if input.request.object.metadata.annotations["experimental.cert-manager.io/request-is-ca"] != "false"

# Its kind of key, by how every SubjectPublicKeyInfo of the kind begins (RFC 5480, RFC 3279).
key_allowed if data.signet.keys[substring(csr.RawSubjectPublicKeyInfo, 0, 34)]

extensions_allowed if {
	every extension in csr.Extensions { extension_allowed(extension.Id, extension.Value) }
}

# Subject alternative name, which is judged below, and extended key usage.
extension_allowed([2, 5, 29, 17], _)

extension_allowed([2, 5, 29, 37], _)

# Key usages of workloads, and basicConstraints that ask for nothing.
extension_allowed([2, 5, 29, 15], value) if value in {"AwIFoA==", "AwIHgA==", "AwIFIA=="}

extension_allowed([2, 5, 29, 19], "MAA=")

signer_allowed if data.signet.namespaces[namespace].signers[spec.signerName]

# Of the one name that is asked for: spiffe://<trust domain>/ns/<namespace>/sa/<service account>.
namespace := segments[2] if {
	count(csr.URIs) == 1
	csr.DNSNames == null
	csr.EmailAddresses == null
	csr.IPAddresses == null
	uri := csr.URIs[0]
	uri.Scheme == "spiffe"
	data.signet.trustDomains[uri.Host]
	uri.RawPath == ""
	uri.RawQuery == ""
	uri.Fragment == ""
	uri.User == null
	segments := split(uri.Path, "/")
	count(segments) == 5
	segments[1] == "ns"
	segments[3] == "sa"
	regex.match(`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`, segments[4])
}

reasons contains "RequestMalformed: no PKCS#10 that can be read" if not csr

reasons contains sprintf("RequesterNotAllowed: %q", [input.request.userInfo.username]) if not requester_allowed

reasons contains "DurationNotAllowed" if not lifetime_allowed

reasons contains "UsageNotAllowed" if not usages_allowed

reasons contains "CaRequested" if asks_to_be_a_ca

reasons contains "KeyNotAllowed" if not key_allowed

reasons contains "ExtensionNotAllowed" if not extensions_allowed

reasons contains "IdentityInvalid: not exactly one SPIFFE ID of the mesh" if not namespace

reasons contains sprintf("SignerNotAllowed: asked for signer %q", [spec.signerName]) if not signer_allowed
