package notify

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"

	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/letter"
)

// What a letter says lies sealed in the outbox (AES-256-GCM, a key of the
// installation's secret): its link may be a token of which the database must hold
// nothing but a hash, and so must every backup of it. The seal is bound to the
// item, so that no letter can be put in another's place.

const sealLabel = "outbox"

func seal(ring *keyring.Ring, i *letter.Item, text []byte) ([]byte, error) {
	c, err := sealer(ring.Key(sealLabel))
	if err != nil {
		return nil, err
	}
	return c.Seal(nil, nil, text, []byte(i.ID)), nil // the nonce is random, and comes first
}

func unseal(ring *keyring.Ring, i *letter.Item) ([]byte, error) {
	for _, key := range ring.Keys(sealLabel) {
		c, err := sealer(key)
		if err != nil {
			return nil, err
		}
		if text, err := c.Open(nil, nil, i.Sealed, []byte(i.ID)); err == nil {
			return text, nil
		}
	}
	return nil, errors.New("the letter was sealed with another secret than the installation has now")
}

func sealer(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
