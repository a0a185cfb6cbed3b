package lab

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
)

// trafficSecret hears of a client's keys as crypto/tls logs them, which sends no KeyUpdate itself.
type trafficSecret struct{ secret []byte }

func (t *trafficSecret) Write(line []byte) (int, error) {
	if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == "CLIENT_TRAFFIC_SECRET_0" {
		var err error
		if t.secret, err = hex.DecodeString(string(fields[2])); err != nil {
			return 0, err
		}
	}
	return len(line), nil
}

// keyUpdates are that many records, each a KeyUpdate under the keys that the one before it brought (RFC 8446, 7.2). The client has
// sent nothing since its handshake.
func (t *trafficSecret) keyUpdates(suite uint16, times int) ([]byte, error) {
	var sum func() hash.Hash
	var keySize int
	switch suite {
	case tls.TLS_AES_128_GCM_SHA256:
		sum, keySize = sha256.New, 16
	case tls.TLS_AES_256_GCM_SHA384:
		sum, keySize = sha512.New384, 32
	default:
		return nil, fmt.Errorf("unexpected cipher suite %s", tls.CipherSuiteName(suite))
	}
	expand := func(secret []byte, label string, size int) ([]byte, error) {
		label = "tls13 " + label
		info := binary.BigEndian.AppendUint16(nil, uint16(size))
		info = append(append(append(info, byte(len(label))), label...), 0)
		return hkdf.Expand(sum, secret, string(info), size)
	}
	const handshake = 22
	update := []byte{24, 0, 0, 1, 0, handshake} // update_not_requested
	var records []byte
	secret := t.secret
	for range times {
		key, err := expand(secret, "key", keySize)
		if err != nil {
			return nil, err
		}
		nonce, err := expand(secret, "iv", 12) // the first record's: the number that goes into it is 0
		if err != nil {
			return nil, err
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		sealer, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		header := []byte{23, 3, 3, 0, byte(len(update) + sealer.Overhead())}
		records = sealer.Seal(append(records, header...), nonce, update, header)
		if secret, err = expand(secret, "traffic upd", sum().Size()); err != nil {
			return nil, err
		}
	}
	return records, nil
}
