package invariant

import (
	"maps"
	"math"
	"slices"

	"wf/lang/suite"
)

// Digest is a hash of everything that the rules can still depend on: two runs with the same
// digest, that go on in the same way, break the same rules from here on. Moments are in it
// only as far as rules read them (see [Set.ReadsTime]); how long the run has taken so far
// never is.
func (m *Monitor) Digest() uint64 {
	s := m.set
	clear(m.needed)
	h := uint64(offset)
	for i := range s.rules {
		r, st := &s.rules[i], &m.rules[i]
		h = mix(h, bits(st))
		if st.broken {
			continue
		}
		switch {
		case r.Kind == suite.AtMost:
			op := &m.ops[r.op]
			if r.Effects {
				h = mix(h, op.keys)
			} else {
				h = mix(h, uint64(op.calls))
			}
		case st.latched && r.Kind != suite.Always && r.Kind != suite.Never: // its fact is decided
			m.need(r.then)
		default:
			m.need(r.facts)
			m.need(r.then)
		}
	}
	for i, yes := range m.needed {
		if !yes {
			continue
		}
		h = mix(h, m.hashes[i])
		if sl := &s.slots[i]; sl.op >= 0 { // the same key again is no further effect
			h = mix(h, m.ops[sl.op].keys)
		}
	}
	return h
}

func (m *Monitor) need(slots []int) {
	for _, i := range slots {
		m.needed[i] = true
	}
}

func bits(st *ruleState) uint64 {
	switch {
	case st.broken:
		return 3
	case st.latched:
		return 2
	}
	return 1
}

// FNV-1a, 64 bits.
const (
	offset = 14695981039346656037
	prime  = 1099511628211
)

func mix(h, v uint64) uint64 {
	for range 8 {
		h = (h ^ v&0xff) * prime
		v >>= 8
	}
	return h
}

func mixText(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime
	}
	return mix(h, uint64(len(s)))
}

// hashOf is the hash of a value.
func hashOf(v any) uint64 {
	switch v := v.(type) {
	case nil:
		return mix(offset, 1)
	case bool:
		if v {
			return mix(offset, 2)
		}
		return mix(offset, 3)
	case int:
		return mix(mix(offset, 4), uint64(v))
	case float64:
		return mix(mix(offset, 5), math.Float64bits(v))
	case string:
		return mixText(mix(offset, 6), v)
	case []any:
		h := mix(mix(offset, 7), uint64(len(v)))
		for _, e := range v {
			h = mix(h, hashOf(e))
		}
		return h
	case map[string]any:
		h := mix(mix(offset, 8), uint64(len(v)))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			h = mix(mixText(h, k), hashOf(v[k]))
		}
		return h
	}
	return mix(offset, 9)
}
