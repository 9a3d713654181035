package machine

import (
	"errors"
	"strconv"
	"strings"
)

// kindLetters spell the kinds of IDs in their text.
const kindLetters = "ctbsrlp"

// MarshalText writes an ID so that it can be kept beside the events of its run:
// kind and attempt, what the machine finds it by, then the place.
func (id ID) MarshalText() ([]byte, error) {
	if int(id.Kind) >= len(kindLetters) {
		return nil, errors.New("unknown kind of id")
	}
	b := make([]byte, 0, len(id.Place)+16)
	b = append(b, kindLetters[id.Kind])
	parts := []int64{int64(id.Attempt), int64(id.scope), int64(id.step), int64(id.round), int64(id.run)}
	if id.run == 0 { // of the run itself, which most are
		parts = parts[:4]
	}
	for i, n := range parts {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	b = append(b, ' ')
	return append(b, id.Place...), nil
}

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(text []byte) error {
	head, place, ok := strings.Cut(string(text), " ")
	if !ok || head == "" {
		return errors.New("an id has the form c1.0.2.0 place")
	}
	kind := strings.IndexByte(kindLetters, head[0])
	parts := strings.Split(head[1:], ".")
	if kind < 0 || len(parts) < 4 || len(parts) > 5 {
		return errors.New("an id has the form c1.0.2.0 place")
	}
	var n [5]int64
	for i, p := range parts {
		v, err := strconv.ParseInt(p, 10, 32)
		if err != nil {
			return err
		}
		n[i] = v
	}
	*id = ID{Place: place, Attempt: int(n[0]), Kind: Kind(kind), scope: int32(n[1]), step: int32(n[2]), round: int32(n[3]), run: int32(n[4])}
	return nil
}
