package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// bbolt believes what it reads. A page that a disk, a copy or another program has changed makes it
// panic in a goroutine of its own, walk in circles, or touch memory that is not mapped, and none of
// these can be caught. So a file is read here first, as a whole and by its size, and only one in which
// each page is what it must be is given to bbolt: each is there, is referred to once, and has its
// keys in order and within bounds; and each value has its checksum. (The format: bbolt's
// internal/common, version 2.)

// The format of bbolt's pages. Its numbers are in the order of the processor.
const (
	pageSize     = 4096 // of our files, on every host
	pageHeader   = 16   // id 8, flags 2, count 2, overflow 4
	elementSize  = 16   // of a branch: position 4, key size 4, page 8; of a leaf: flags, position, key size, value size
	bucketHeader = 16   // root page 8, sequence 8

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	metaPage     = 0x04
	bucketLeaf   = 0x01 // flag of a leaf's element

	boltMagic   = 0xED0CDAED
	boltVersion = 2
	noFreelist  = ^uint64(0)

	maxDepth = 64 // of pages below each other: a billion keys need ten
)

var order = binary.NativeEndian

// errDamaged is what errors are about a file that is not what was saved.
var errDamaged = errors.New("damaged")

// damage is such an error.
type damage struct{ error }

func (d damage) Is(target error) bool { return target == errDamaged }
func (d damage) Unwrap() error        { return d.error }

func damaged(format string, args ...any) error {
	return damage{fmt.Errorf("it is damaged: "+format, args...)}
}

// meta is what a file begins with, in two copies of which the last one that is whole counts.
type meta struct {
	root, freelist, pages, transaction uint64
}

// verifier reads one file.
type verifier struct {
	file  *os.File
	pages uint64
	used  uint64 // octets of pages that something stands in
	seen  []bool // pages that have been referred to
	depth int
	visit func(b Bucket, key string, sealed []byte) error
}

// verify reads a whole file, and has each value visited, in order of bucket and key. It returns in
// how many of its octets something stands: others are of pages that are free, or not full. The error
// wraps errDamaged, is of reading, or is what visit has returned.
func verify(file *os.File, visit func(b Bucket, key string, sealed []byte) error) (used int64, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	m, err := readMeta(file)
	if err != nil {
		return 0, err
	}
	if m.pages < 2 || m.pages > uint64(info.Size())/pageSize {
		return 0, damaged("it should have %d pages and has %d", m.pages, info.Size()/pageSize)
	}
	v := &verifier{file: file, pages: m.pages, seen: make([]bool, m.pages), visit: visit}
	v.seen[0], v.seen[1] = true, true
	if m.freelist != noFreelist {
		if err := v.freelist(m.freelist); err != nil {
			return 0, err
		}
	}
	err = v.tree("", m.root, bound{})
	return int64(v.used), err
}

// readMeta returns the last meta that is whole.
func readMeta(file *os.File) (last meta, err error) {
	found := false
	for i := range int64(2) {
		page := make([]byte, pageSize)
		if _, err := file.ReadAt(page, i*pageSize); err != nil && !errors.Is(err, io.EOF) {
			return meta{}, err
		}
		if m, whole := parseMeta(page); whole && (!found || m.transaction > last.transaction) {
			last, found = m, true
		}
	}
	if !found {
		return meta{}, damage{errors.New("it does not hold state of onbehalf, or its beginning is torn")}
	}
	return last, nil
}

func parseMeta(page []byte) (meta, bool) {
	flags, body := order.Uint16(page[8:]), page[pageHeader:]
	sum := fnv.New64a()
	sum.Write(body[:56])
	if flags != metaPage || order.Uint32(body) != boltMagic || order.Uint32(body[4:]) != boltVersion ||
		order.Uint32(body[8:]) != pageSize || order.Uint64(body[56:]) != sum.Sum64() {
		return meta{}, false
	}
	return meta{root: order.Uint64(body[16:]), freelist: order.Uint64(body[32:]), pages: order.Uint64(body[40:]),
		transaction: order.Uint64(body[48:])}, true
}

// page returns a page that nothing else has referred to, with those that it flows over into.
func (v *verifier) page(id uint64) ([]byte, error) {
	if id < 2 || id >= v.pages {
		return nil, damaged("page %d is not there", id)
	}
	head := make([]byte, pageSize)
	if _, err := v.file.ReadAt(head, int64(id)*pageSize); err != nil {
		return nil, v.readError(id, err)
	}
	over := uint64(order.Uint32(head[12:]))
	if order.Uint64(head) != id || over >= v.pages-id {
		return nil, damaged("page %d is another one", id)
	}
	for i := id; i <= id+over; i++ {
		if v.seen[i] {
			return nil, damaged("page %d is used twice", i)
		}
		v.seen[i] = true
	}
	if over == 0 {
		return head, nil
	}
	whole := make([]byte, (over+1)*pageSize)
	if _, err := v.file.ReadAt(whole, int64(id)*pageSize); err != nil {
		return nil, v.readError(id, err)
	}
	return whole, nil
}

func (v *verifier) readError(id uint64, err error) error {
	if errors.Is(err, io.EOF) {
		return damaged("it ends within page %d", id)
	}
	return err
}

// freelist checks the list of pages that are free: none of them may be in use.
func (v *verifier) freelist(id uint64) error {
	page, err := v.page(id)
	if err != nil {
		return err
	}
	if order.Uint16(page[8:]) != freelistPage {
		return damaged("page %d is not the list of free pages", id)
	}
	count, at := uint64(order.Uint16(page[10:])), uint64(pageHeader)
	if count == 0xFFFF { // then the first number is the count
		count, at = order.Uint64(page[at:]), at+8
	}
	if count > (uint64(len(page))-at)/8 {
		return damaged("the list of free pages is longer than its page")
	}
	for ; count > 0; count, at = count-1, at+8 {
		free := order.Uint64(page[at:])
		if free < 2 || free >= v.pages || v.seen[free] {
			return damaged("page %d is free and in use", free)
		}
		v.seen[free] = true
	}
	return nil
}

// bound is between which keys those of a page must lie; nil: no bound.
type bound struct{ from, to []byte }

// tree checks all pages below one.
func (v *verifier) tree(b Bucket, id uint64, within bound) error {
	if v.depth++; v.depth > maxDepth {
		return damaged("page %d lies too deep", id)
	}
	defer func() { v.depth-- }()
	page, err := v.page(id)
	if err != nil {
		return err
	}
	switch order.Uint16(page[8:]) {
	case branchPage:
		return v.branch(b, page, within)
	case leafPage:
		return v.leaf(b, page, within)
	}
	return damaged("page %d is of an unknown kind", id)
}

func (v *verifier) branch(b Bucket, page []byte, within bound) error {
	count := int(order.Uint16(page[10:]))
	if count == 0 || count > (len(page)-pageHeader)/elementSize {
		return damaged("a page has %d branches", count)
	}
	keys, below := make([][]byte, count+1), make([]uint64, count)
	contents := contentsOf(page, count)
	for i := range count {
		at := pageHeader + i*elementSize
		var err error
		if keys[i], _, err = contents.cut(at, order.Uint32(page[at:]), order.Uint32(page[at+4:]), 0); err != nil {
			return err
		}
		below[i] = order.Uint64(page[at+8:])
	}
	v.used += contents.next
	keys[count] = within.to
	if err := inOrder(keys[:count], within); err != nil {
		return err
	}
	for i, id := range below {
		if err := v.tree(b, id, bound{keys[i], keys[i+1]}); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) leaf(b Bucket, page []byte, within bound) error {
	count := int(order.Uint16(page[10:]))
	if count > (len(page)-pageHeader)/elementSize {
		return damaged("a page has %d keys", count)
	}
	if count == 0 && len(bytes.Trim(page[pageHeader:], "\x00")) > 0 {
		return damaged("a page without keys is not empty")
	}
	keys, values := make([][]byte, count), make([][]byte, count)
	contents := contentsOf(page, count)
	for i := range count {
		at := pageHeader + i*elementSize
		var err error
		keys[i], values[i], err = contents.cut(at, order.Uint32(page[at+4:]), order.Uint32(page[at+8:]), order.Uint32(page[at+12:]))
		if err != nil {
			return err
		}
	}
	v.used += contents.next
	if err := inOrder(keys, within); err != nil {
		return err
	}
	for i, key := range keys {
		if err := v.element(b, order.Uint32(page[pageHeader+i*elementSize:]), key, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// element checks a key of a leaf: a bucket at the top, and values in it.
func (v *verifier) element(b Bucket, flags uint32, key, value []byte) error {
	switch {
	case b != "" && flags == 0:
		return v.visit(b, string(key), value)
	case b != "" || flags != bucketLeaf || len(value) < bucketHeader:
		return damaged("a bucket is none")
	}
	if root := order.Uint64(value); root != 0 {
		return v.tree(Bucket(key), root, bound{})
	}
	page := value[bucketHeader:] // a small bucket lies in its element
	if len(page) < pageHeader || order.Uint16(page[8:]) != leafPage || order.Uint64(page) != 0 {
		return damaged("bucket %q has no page", key)
	}
	return v.leaf(Bucket(key), page, bound{})
}

// contents are the keys and values of a page. They stand behind its elements without a gap, so that
// a number of elements which is not what was saved is noticed.
type contents struct {
	page []byte
	next uint64 // where the next key begins
}

func contentsOf(page []byte, count int) *contents {
	return &contents{page, uint64(pageHeader + count*elementSize)}
}

// cut returns the key and value that the next element refers to.
func (c *contents) cut(element int, position, keySize, valueSize uint32) (key, value []byte, err error) {
	from := uint64(element) + uint64(position)
	middle := from + uint64(keySize)
	to := middle + uint64(valueSize)
	if from != c.next || keySize == 0 || to > uint64(len(c.page)) {
		return nil, nil, damaged("a key or value is not where it must be")
	}
	c.next = to
	return c.page[from:middle], c.page[middle:to], nil
}

func inOrder(keys [][]byte, within bound) error {
	for i, key := range keys {
		if i == 0 && within.from != nil && bytes.Compare(key, within.from) < 0 ||
			i > 0 && bytes.Compare(keys[i-1], key) >= 0 || within.to != nil && bytes.Compare(key, within.to) >= 0 {
			return damaged("its keys are not in order")
		}
	}
	return nil
}
