package dictionary

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// suggest names the attributes that were perhaps meant, for the end of an error.
func (d *Dictionary) suggest(name string) string {
	names := make([]string, 0, len(d.byName))
	for _, lower := range slices.Sorted(maps.Keys(d.byName)) {
		names = append(names, d.byName[lower].Name)
	}
	return near(name, names)
}

// near returns up to three names that are like a mistyped one, as ": did you mean a or
// b?", or nothing.
func near(typed string, names []string) string {
	typed = strings.ToLower(typed)
	type like struct {
		name     string
		distance int
	}
	var found []like
	for _, name := range names {
		lower := strings.ToLower(name)
		d := distance(typed, lower)
		if len(typed) > 3 && strings.Contains(lower, typed) {
			d = 1
		}
		if d <= 1+len(typed)/5 {
			found = append(found, like{name, d})
		}
	}
	if len(found) == 0 {
		return ""
	}
	slices.SortStableFunc(found, func(a, b like) int { return cmp.Compare(a.distance, b.distance) })
	found = found[:min(3, len(found))]
	s := ": did you mean " + found[0].name
	for _, f := range found[1:] {
		s += " or " + f.name
	}
	return s + "?"
}

// distance is Levenshtein's: how many octets to add, drop or change to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // from the part of a that is done to each part of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
