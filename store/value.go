package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// Values lie in the file behind a checksum of key and value: bbolt has none of its own but for its
// first two pages, so that a bit that the disk has changed would go unnoticed.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sumSize = 4

var errSum = errors.New("a checksum is wrong")

func sumOf(key string, value []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(key), castagnoli), castagnoli, value)
}

// seal returns a value as it lies in the file.
func seal(key string, value []byte) []byte {
	sealed := make([]byte, sumSize, sumSize+len(value))
	binary.LittleEndian.PutUint32(sealed, sumOf(key, value))
	return append(sealed, value...)
}

// unseal returns the value in what seal has made. It is part of the same memory.
func unseal(key string, sealed []byte) ([]byte, error) {
	if len(sealed) < sumSize || binary.LittleEndian.Uint32(sealed) != sumOf(key, sealed[sumSize:]) {
		return nil, errSum
	}
	return sealed[sumSize:], nil
}
