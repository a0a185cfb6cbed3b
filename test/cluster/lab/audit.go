package lab

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// AuditRecord is one line of an audit log, as far as it is read here.
type AuditRecord struct {
	Time     string `json:"time"`
	Seq      int64  `json:"seq"`
	Event    string `json:"event"`
	Count    int    `json:"count"` // of a review log's line that tells of more than one
	Decision string `json:"decision"`
	Reason   string `json:"reason"`
	CSR      struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	} `json:"csr"`
	Requester string `json:"requester"`
	Identity  string `json:"identity"`
	Tenant    string `json:"tenant"`
	Policy    string `json:"policy"` // digest
	Signer    struct {
		Requested string `json:"requested"`
	} `json:"signer"`
	Certificate struct {
		Serial    string `json:"serial"`
		NotBefore string `json:"notBefore"`
		NotAfter  string `json:"notAfter"`
		SHA256    string `json:"sha256"`
	} `json:"certificate"`
	Torn struct {
		Bytes  int    `json:"bytes"`
		SHA256 string `json:"sha256"`
	} `json:"torn"`
	Prev string `json:"prev"`
	Hash string `json:"hash"`

	line []byte
	torn []byte // what stands before the line and is none: its writer was killed
}

// ReadAudit reads the complete lines of a log; its writer may be at work on another, or not have begun.
func ReadAudit(path string) ([]AuditRecord, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var records []AuditRecord
	var torn []byte
	for {
		text, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			return records, nil
		}
		data = rest
		var record AuditRecord
		if err := json.Unmarshal(text, &record); err != nil {
			torn = text
			continue
		}
		record.line, record.torn = text, torn
		records, torn = append(records, record), nil
	}
}

// CheckChain wants a whole log: each line has its own hash, which is that of its bytes without the hash member, carries the hash
// of the line before it (zeros in the first), and counts on from 1. What was torn is told, with its hash, by the line after it.
func CheckChain(records []AuditRecord) error {
	seq, hash := int64(0), strings.Repeat("0", 2*sha256.Size)
	for i, record := range records {
		covered, _, found := bytes.Cut(record.line, []byte(`,"hash":"`))
		switch {
		case !found || record.Hash != hexSHA256(append(bytes.Clone(covered), '}')):
			return fmt.Errorf("line %d: its hash is not its own", i+1)
		case record.Prev != hash:
			return fmt.Errorf("line %d: does not carry the hash of the line before", i+1)
		case record.Torn.Bytes != len(record.torn) || record.torn != nil && record.Torn.SHA256 != hexSHA256(record.torn):
			return fmt.Errorf("line %d: tells of %d torn bytes, not of the %d before it", i+1, record.Torn.Bytes, len(record.torn))
		case record.Seq != seq+1:
			return fmt.Errorf("line %d: seq %d follows %d", i+1, record.Seq, seq)
		}
		seq, hash = record.Seq, record.Hash
	}
	return nil
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Fingerprint is how the log names a certificate.
func Fingerprint(certificate *x509.Certificate) string { return hexSHA256(certificate.Raw) }

// Ends tells what became of each certificate, by its SHA-256: the last of issued, published and discarded. It is an error for
// a certificate to be published or discarded that was not issued before.
func Ends(records []AuditRecord) (map[string]string, error) {
	ends := map[string]string{}
	for _, record := range records {
		switch fingerprint := record.Certificate.SHA256; record.Event {
		case "issued":
			ends[fingerprint] = record.Event
		case "published", "discarded":
			if ends[fingerprint] != "issued" {
				return nil, fmt.Errorf("record %d: %s without issued", record.Seq, record.Event)
			}
			ends[fingerprint] = record.Event
		}
	}
	return ends, nil
}
