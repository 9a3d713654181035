package machine

import "testing"

// TestIDText holds that an ID of every kind can be kept, and is the same when it is read.
func TestIDText(t *testing.T) {
	seen := map[string]bool{}
	for kind := KindCall; kind <= KindPause; kind++ {
		for _, id := range []ID{
			{Place: "a.found[2]", Attempt: 3, Kind: kind, scope: 4, step: 5, round: 6},
			{Place: "send.ship", Attempt: 1, Kind: kind, scope: -1, run: 7},
		} {
			text, err := id.MarshalText()
			if err != nil {
				t.Errorf("an ID of kind %d cannot be kept: %v", kind, err)
				continue
			}
			var back ID
			if err := back.UnmarshalText(text); err != nil || back != id || seen[string(text)] {
				t.Errorf("%+v is kept as %q and read as %+v (%v)", id, text, back, err)
			}
			seen[string(text)] = true
		}
	}
	if int(KindPause)+1 != len(kindLetters) {
		t.Errorf("there are letters for %d kinds, and %d kinds", len(kindLetters), int(KindPause)+1)
	}
}
