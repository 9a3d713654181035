package journal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
)

// Key seals what a store keeps of inputs, answers and outputs: AES-256 in Galois/Counter
// Mode (NIST SP 800-38D). A nil key keeps them as they are.
type Key struct{ aead cipher.AEAD }

// Errors of a Key.
var (
	ErrSealed = errors.New("it is encrypted, and no key was given")
	ErrKey    = errors.New("it was encrypted with another key, or has been changed since")
)

// ParseKey reads a key of 32 bytes, written as 64 hexadecimal digits or in base64.
func ParseKey(text string) (*Key, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 32 {
		raw, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil || len(raw) != 32 {
		return nil, errors.New("a key is 32 bytes, as 64 hexadecimal digits or in base64; make one with: openssl rand -hex 32")
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Key{aead}, nil
}

// sealed is the first byte of what is sealed; JSON does not begin with it.
const sealed = 1

// Seal encrypts a text for one place: opened for another one it is refused, so that
// nobody moves it there.
func (k *Key) Seal(text []byte, place string) []byte {
	if k == nil || text == nil {
		return text
	}
	return k.aead.Seal([]byte{sealed}, nil, text, []byte(place))
}

// Open reads what Seal wrote for the place, and texts that are not sealed.
func (k *Key) Open(text []byte, place string) ([]byte, error) {
	if len(text) == 0 || text[0] != sealed {
		return text, nil
	}
	if k == nil {
		return nil, ErrSealed
	}
	out, err := k.aead.Open(nil, nil, text[1:], []byte(place))
	if err != nil {
		return nil, ErrKey
	}
	return out, nil
}

// NewID is an id for a run: it sorts by the time it was made, and is not guessed.
func NewID(prefix string, millis int64) string {
	var b [16]byte
	for i := range 6 {
		b[i] = byte(millis >> (40 - 8*i))
	}
	_, _ = rand.Read(b[6:]) // it never fails
	return prefix + hex.EncodeToString(b[:])
}
