package web

import (
	"radpush/push"
	"radpush/web/wire"
)

// Seal returns what a notification carries of a challenge, sealed for a device (statement
// 9.4); nil for a device without a sealing key.
func Seal(d push.Device, c push.Challenge) ([]byte, error) {
	if d.Address.SealingKey == nil {
		return nil, nil
	}
	return wire.Seal(d.Address.SealingKey, encodeID(d.ID), told(c))
}

// told returns what a device is told of a challenge.
func told(c push.Challenge) wire.Challenge {
	return wire.Challenge{ID: c.ID, Shown: string(c.Shown), Expires: c.Expires}
}
