package value

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// Digest is a fingerprint of 128 bits, the same in every process. It is comparable. It tells
// apart what differs by chance; it is no protection against who wants two to be equal.
type Digest [2]uint64

// Hash computes a digest of what is written to it, in that order. The zero value is ready.
//
// One lane works like xxHash, the other multiplies and folds like wyhash, so that what
// collides in one does not in the other.
type Hash struct{ a, b uint64 }

const (
	prime1 = 0x9e3779b185ebca87
	prime2 = 0xc2b2ae3d27d4eb4f
	prime3 = 0xa0761d6478bd642f
)

// Word writes a number.
func (h *Hash) Word(x uint64) {
	h.a = bits.RotateLeft64(h.a+x*prime2, 31) * prime1
	hi, lo := bits.Mul64(h.b^x^prime2, prime3)
	h.b = hi ^ lo + prime1
}

// Int writes a number.
func (h *Hash) Int(x int) { h.Word(uint64(x)) }

// Bool writes a truth value.
func (h *Hash) Bool(x bool) {
	if x {
		h.Word(1)
	} else {
		h.Word(0)
	}
}

// Text writes a text, so that it ends where it ends.
func (h *Hash) Text(s string) {
	h.Word(uint64(len(s)))
	for len(s) >= 8 {
		h.Word(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
		s = s[8:]
	}
	if len(s) > 0 {
		var rest [8]byte
		copy(rest[:], s)
		h.Word(binary.LittleEndian.Uint64(rest[:]))
	}
}

// Digest writes a digest.
func (h *Hash) Digest(d Digest) {
	h.Word(d[0])
	h.Word(d[1])
}

// Kinds of values, as a hash tells them apart.
const (
	hashNil = iota + 1
	hashBool
	hashInt
	hashFloat
	hashString
	hashList
	hashRecord
	hashOther
)

// Value writes a value. The order of the fields of a record does not matter. 1 and 1.0 are
// two values, though they compare as equal: some functions show the difference.
func (h *Hash) Value(v any) {
	switch v := v.(type) {
	case nil:
		h.Word(hashNil)
	case bool:
		h.Word(hashBool)
		h.Bool(v)
	case int:
		h.Word(hashInt)
		h.Int(v)
	case float64:
		h.Word(hashFloat)
		h.Word(math.Float64bits(v))
	case string:
		h.Word(hashString)
		h.Text(v)
	case []any:
		h.Word(hashList)
		h.Int(len(v))
		for _, e := range v {
			h.Value(e)
		}
	case map[string]any:
		h.record(v)
	default: // of no value that an expression meets
		h.Word(hashOther)
		h.Text(fmt.Sprintf("%T %v", v, v))
	}
}

func (h *Hash) record(r map[string]any) {
	h.Word(hashRecord)
	h.Int(len(r))
	var all Digest
	outer := *h
	for k, v := range r {
		*h = Hash{}
		h.Text(k)
		h.Value(v)
		all.Add(h.Sum())
	}
	*h = outer
	h.Digest(all)
}

// Texts writes texts that have names; their order does not matter.
func (h *Hash) Texts(named map[string]string) {
	h.Int(len(named))
	var all Digest
	for k, v := range named {
		var one Hash
		one.Text(k)
		one.Text(v)
		all.Add(one.Sum())
	}
	h.Digest(all)
}

// Add makes a digest that of a set with one more element.
func (d *Digest) Add(e Digest) {
	d[0] += e[0]
	d[1] += e[1]
}

// Sum is the digest of what was written so far.
func (h *Hash) Sum() Digest {
	return Digest{mixed(h.a ^ bits.RotateLeft64(h.b, 32)), mixed(h.b + h.a*prime3)}
}

// mixed lets every bit of x matter for every bit of the result (the mixer of SplitMix64).
func mixed(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
