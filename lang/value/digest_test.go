package value_test

import (
	"testing"

	"wf/lang/value"
)

// TestDigest holds that different values have different digests, and equal ones the same
// digest, today and in every process.
func TestDigest(t *testing.T) {
	values := []any{
		nil, false, true, 0, 1, -1, 0.0, 1.0, 1.5, "", "a", "b", "ab", "1", "abcdefgh", "abcdefgh\x00", "abcdefghi", []any{}, []any{nil}, []any{[]any{}}, []any{1, 2}, []any{2, 1}, []any{1, 2, nil},
		map[string]any{}, map[string]any{"a": nil}, map[string]any{"a": 1, "b": 2}, map[string]any{"a": 2, "b": 1}, map[string]any{"a": map[string]any{"b": 1}}, map[string]any{"a": 1, "b": map[string]any{}},
	}
	of := func(v any) value.Digest {
		var h value.Hash
		h.Value(v)
		return h.Sum()
	}
	seen := map[value.Digest]any{}
	for _, v := range values {
		d := of(v)
		if other, twice := seen[d]; twice {
			t.Errorf("%#v and %#v have one digest", v, other)
		}
		seen[d] = v
	}
	big, again := map[string]any{}, map[string]any{}
	for i := range 26 {
		big[string(rune('a'+i))] = i
		again[string(rune('z'-i))] = 25 - i
	}
	if of(big) != of(again) {
		t.Error("the order of fields matters")
	}
	if got, want := of(big), (value.Digest{0x40ae1f9d0fbedb77, 0xbe0c139bbe922ea7}); got != want {
		t.Errorf("the digest is %#x, want %#x: it may not differ from one process to another", got, want)
	}
}
