package differential

import (
	"math/rand/v2"
	"slices"
)

// value is one of DER, apart: what is changed in it is encoded again with lengths that fit, unless they are the change.
type value struct {
	tag     byte
	content []byte   // of a primitive one
	parts   []*value // of a constructed one, or of an OCTET STRING that holds DER
	form    lengthForm
	after   []byte // what stands behind the last part
}

type lengthForm int

const (
	minimal      lengthForm = iota
	oneOctetMore            // BER: 81 05
	fourOctets              // BER: 84 00 00 00 05
	indefinite              // BER: 80 … 00 00
	oneTooMany              // beyond the end
)

const (
	constructed = 0x20
	boolean     = 0x01
	integer     = 0x02
	bitString   = 0x03
	octetString = 0x04
	null        = 0x05
	oid         = 0x06
	utf8String  = 0x0c
	printable   = 0x13
	teletex     = 0x14
	ia5String   = 0x16
	bmpString   = 0x1e
	sequence    = 0x30
	set         = 0x31
)

// apart takes a copy of DER of definite lengths apart; nothing where it is no sequence of whole values.
func apart(der []byte) ([]*value, bool) {
	values := []*value{}
	for len(der) > 0 {
		if len(der) < 2 || der[0]&0x1f == 0x1f {
			return nil, false
		}
		header, length := 2, int(der[1])
		if length >= 0x80 {
			octets := length & 0x7f
			if octets == 0 || octets > 3 || len(der) < 2+octets {
				return nil, false
			}
			header, length = 2+octets, 0
			for _, octet := range der[2:header] {
				length = length<<8 | int(octet)
			}
		}
		if len(der) < header+length {
			return nil, false
		}
		one := &value{tag: der[0], content: slices.Clone(der[header : header+length])}
		if one.tag&constructed != 0 || one.tag == octetString {
			if parts, ok := apart(one.content); ok && (one.tag != octetString || len(parts) == 1) {
				one.parts, one.content = parts, nil
			}
		}
		values = append(values, one)
		der = der[header+length:]
	}
	return values, true
}

func (v *value) encoded() []byte {
	body := slices.Clone(v.content)
	for _, part := range v.parts {
		body = append(body, part.encoded()...)
	}
	body = append(body, v.after...)
	return append(append([]byte{v.tag}, v.length(len(body))...), v.ended(body)...)
}

func (v *value) length(length int) []byte {
	switch v.form {
	case oneTooMany:
		length++
	case indefinite:
		return []byte{0x80}
	case fourOctets:
		return []byte{0x84, 0, 0, byte(length >> 8), byte(length)}
	}
	switch octets := []byte{byte(length)}; {
	case length < 0x80 && v.form == oneOctetMore:
		return append([]byte{0x81}, octets...)
	case length < 0x80:
		return octets
	case length < 0x100 && v.form == oneOctetMore:
		return append([]byte{0x82, 0}, octets...)
	case length < 0x100:
		return append([]byte{0x81}, octets...)
	case v.form == oneOctetMore:
		return []byte{0x83, 0, byte(length >> 8), byte(length)}
	default:
		return []byte{0x82, byte(length >> 8), byte(length)}
	}
}

func (v *value) ended(body []byte) []byte {
	if v.form == indefinite {
		return append(body, 0, 0)
	}
	return body
}

func (v *value) clone() *value {
	copied := *v
	copied.content, copied.after = slices.Clone(v.content), slices.Clone(v.after)
	copied.parts = nil
	for _, part := range v.parts {
		copied.parts = append(copied.parts, part.clone())
	}
	return &copied
}

// all are the values below this one and itself.
func (v *value) all() []*value {
	found := []*value{v}
	for _, part := range v.parts {
		found = append(found, part.all()...)
	}
	return found
}

func one[T any](random *rand.Rand, of []T) T { return of[random.IntN(len(of))] }

// somewhere is a value below the root for which it holds; null where it holds for none.
func somewhere(random *rand.Rand, root *value, holds func(*value) bool) *value {
	var found []*value
	for _, candidate := range root.all() {
		if holds(candidate) {
			found = append(found, candidate)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return one(random, found)
}

func hasTag(tags ...byte) func(*value) bool {
	return func(v *value) bool { return slices.Contains(tags, v.tag) }
}

func isPrimitive(v *value) bool { return v.parts == nil && len(v.content) > 0 }
func hasParts(v *value) bool    { return len(v.parts) > 0 }

// isText holds for strings, and for the names of a subject alternative name.
func isText(v *value) bool {
	return isPrimitive(v) && hasTag(utf8String, printable, teletex, ia5String, bmpString, 0x81, 0x82, 0x86)(v)
}

// change is one thing done to a value somewhere below the root. Where there is nothing to do it to it does nothing.
type change struct {
	name  string
	apply func(random *rand.Rand, root *value)
}

func changeOf(name string, holds func(*value) bool, apply func(*rand.Rand, *value)) change {
	return change{name, func(random *rand.Rand, root *value) {
		if found := somewhere(random, root, holds); found != nil {
			apply(random, found)
		}
	}}
}

// The strings that a name or a subject is given. Each is its own kind of trouble.
var texts = []string{
	"", "a\x00b", "spiffe://cluster.local/ns/foo/sa/app\x00.evil", "\xff\xfe", "\xc3\xa4", "a\r\nb", "a, DNS:istiod.istio-system.svc",
	"spiffe://cluster.local/ns/bar/sa/app", "SPIFFE://cluster.local/ns/foo/sa/app", "spiffe://cluster.local/ns/foo/sa/%61pp",
	"spiffe://cluster.local:443/ns/foo/sa/app", "spiffe://user@cluster.local/ns/foo/sa/app", "spiffe://cluster.local/ns/foo/sa/app#x",
	"spiffe://cluster.local/ns/foo/sa/app?x", "://", "a b", "*.foo.svc", "istiod.istio-system.svc", "istiod.istio-system.svc.",
	"ISTIOD.istio-system.svc", "\xff\xfe", "\x00a\x00\x00", "\xd8\x00\xdc\x00", "\xfd\xd0", "..", "a@b", "a*b&c", "x\x7f", "\x00\x61", "http://[::1", "spiffe://cluster.local\\ns\\foo",
}

var harmful = []change{
	changeOf("a bit of a tag", func(*value) bool { return true }, func(random *rand.Rand, v *value) { v.tag ^= 1 << random.IntN(8) }),
	changeOf("another tag", func(*value) bool { return true }, func(random *rand.Rand, v *value) { v.tag = byte(random.IntN(256)) }),
	changeOf("a length in BER", func(*value) bool { return true }, func(random *rand.Rand, v *value) {
		v.form = lengthForm(1 + random.IntN(int(oneTooMany)))
	}),
	changeOf("a byte", isPrimitive, func(random *rand.Rand, v *value) {
		v.content[random.IntN(len(v.content))] ^= byte(1 + random.IntN(255))
	}),
	changeOf("bytes behind the last part", hasParts, func(random *rand.Rand, v *value) {
		v.after = one(random, [][]byte{{0}, {0, 0}, {null, 0}, {0x30, 0}, {boolean, 1, 0}})
	}),
	changeOf("an INTEGER not minimal", hasTag(integer), func(random *rand.Rand, v *value) {
		v.content = append([]byte{one(random, []byte{0, 0xff})}, v.content...)
	}),
	changeOf("an OID not minimal", hasTag(oid), func(_ *rand.Rand, v *value) { v.content = slices.Insert(v.content, min(1, len(v.content)), 0x80) }),
	changeOf("unused bits", hasTag(bitString), func(random *rand.Rand, v *value) {
		if len(v.content) > 0 {
			v.content[0] = byte(random.IntN(10))
		}
	}),
	changeOf("a BOOLEAN that is neither", hasTag(boolean), func(_ *rand.Rand, v *value) { v.content = []byte{1} }),
	changeOf("a string in pieces", func(v *value) bool { return isText(v) || hasTag(octetString, bitString)(v) }, func(_ *rand.Rand, v *value) {
		piece := v.clone()
		if piece.tag >= 0x80 {
			piece.tag = ia5String
		}
		*v = value{tag: v.tag | constructed, parts: []*value{piece}}
	}),
	changeOf("a part too few", hasParts, func(random *rand.Rand, v *value) {
		i := random.IntN(len(v.parts))
		v.parts = slices.Delete(slices.Clone(v.parts), i, i+1)
	}),
	changeOf("a part cut short", isPrimitive, func(random *rand.Rand, v *value) { v.content = v.content[:random.IntN(len(v.content))] }),
}

var doubtful = []change{
	changeOf("a part twice", hasParts, func(random *rand.Rand, v *value) {
		v.parts = append(slices.Clone(v.parts), one(random, v.parts).clone())
	}),
	changeOf("parts in another order", hasParts, func(random *rand.Rand, v *value) {
		v.parts = slices.Clone(v.parts)
		random.Shuffle(len(v.parts), func(i, j int) { v.parts[i], v.parts[j] = v.parts[j], v.parts[i] })
	}),
	changeOf("another string type", isText, func(random *rand.Rand, v *value) {
		v.tag = one(random, []byte{utf8String, printable, teletex, ia5String, bmpString, 0x12, 0x1a, 0x1b, 0x1c, 0x81, 0x82, 0x86})
	}),
	changeOf("another text", isText, func(random *rand.Rand, v *value) { v.content = []byte(one(random, texts)) }),
	changeOf("a byte of a text", isText, func(random *rand.Rand, v *value) { v.content[random.IntN(len(v.content))] = byte(random.IntN(256)) }),
	changeOf("FALSE written out", func(v *value) bool { return v.tag == sequence && len(v.parts) == 2 && v.parts[0].tag == oid },
		func(random *rand.Rand, v *value) {
			v.parts = slices.Insert(slices.Clone(v.parts), 1, &value{tag: boolean, content: []byte{one(random, []byte{0, 0xff})}})
		}),
	changeOf("another OID", hasTag(oid), func(random *rand.Rand, v *value) {
		if len(v.content) > 0 {
			v.content[len(v.content)-1] = byte(random.IntN(256))
		}
	}),
	{"a part of elsewhere", func(random *rand.Rand, root *value) {
		from, to := somewhere(random, root, func(v *value) bool { return len(v.all()) < 40 }), somewhere(random, root, hasParts)
		if from != nil && to != nil {
			copied := from.clone()
			to.parts = slices.Insert(slices.Clone(to.parts), random.IntN(len(to.parts)+1), copied)
		}
	}},
}
