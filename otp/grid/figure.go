package grid

// A point is a cell, or the step from one cell to the next: x to the right, y down.
type point struct{ x, y int }

func (a point) minus(b point) point { return point{a.x - b.x, a.y - b.y} }

// cross is 0 if two steps have the same or the opposite direction; else its sign says
// which way one turns from a to b.
func (a point) cross(b point) int { return a.x*b.y - a.y*b.x }

// figure says which figure that people choose first the pattern is, or nothing. Phones
// that are unlocked by a drawn pattern have shown what those are: few straight lines from
// neighbour to neighbour, letters, symmetry, and corners. The figures together are a small
// part of all patterns, so refusing them costs little. Turned, mirrored or backwards, a
// figure is the same figure. The pattern must be sound.
func (p Pattern) figure() string {
	cells := make([]point, len(p.Cells))
	for i, cell := range p.Cells {
		cells[i] = point{int(cell) % p.Size, int(cell) / p.Size}
	}
	switch {
	case isLine(cells):
		return "lie on one line"
	case isCount(cells, p.Size):
		return "are evenly spaced in reading order"
	case isSymmetric(cells):
		return "form a symmetric figure, such as a square or a cross"
	case isLandmarks(cells, p.Size):
		return "are corners, middles of sides and the centre"
	case isStroke(cells):
		return "are a line of neighbours with few or regular bends"
	}
	return ""
}

// isLine: a row, a column, a diagonal or any other straight line, in whatever order.
func isLine(cells []point) bool {
	along := cells[1].minus(cells[0])
	for _, c := range cells[2:] {
		if along.cross(c.minus(cells[0])) != 0 {
			return false
		}
	}
	return true
}

// isCount: as one counts, every cell or every n-th, on to the next line at a line's end;
// lines are rows or columns, from either side.
func isCount(cells []point, size int) bool {
	for _, number := range []point{{1, size}, {-1, size}, {size, 1}, {size, -1}} {
		at := func(c point) int { return c.x*number.x + c.y*number.y }
		even := true
		for i := 2; i < len(cells); i++ {
			even = even && at(cells[i])-at(cells[i-1]) == at(cells[1])-at(cells[0])
		}
		if even {
			return true
		}
	}
	return false
}

// isSymmetric: the set of cells is the same after a quarter turn, or after both
// reflections. That is the grid's four corners, a block of 2x2, the corners of any
// rectangle that lies straight and of any square, a cross, a ring; in whatever order.
func isSymmetric(cells []point) bool {
	set := make(map[point]bool, len(cells))
	low, high := cells[0], cells[0]
	for _, c := range cells {
		set[c] = true
		low = point{min(low.x, c.x), min(low.y, c.y)}
		high = point{max(high.x, c.x), max(high.y, c.y)}
	}
	turned, mirrored := true, true
	for _, c := range cells {
		turned = turned && set[point{low.x + c.y - low.y, high.y - (c.x - low.x)}]
		mirrored = mirrored && set[point{low.x + high.x - c.x, c.y}] && set[point{c.x, low.y + high.y - c.y}]
	}
	return turned || mirrored
}

// isLandmarks: nothing but corners, middles of sides and the centre: a 3x3 pattern drawn
// large. A grid of even size has no middle.
func isLandmarks(cells []point, size int) bool {
	for _, c := range cells {
		if size%2 == 0 || c.x%(size/2) != 0 || c.y%(size/2) != 0 {
			return false
		}
	}
	return true
}

// isStroke: a walk from neighbour to neighbour (diagonals too) that has few bends, as most
// letters do; or bends to one side only, as a spiral does; or to one side and the other in
// turn, as stairs do. A pattern of four or five cells has no room for more than few bends.
func isStroke(cells []point) bool {
	const few = 3
	var left, right int
	regular := true
	var before, last point
	for i := 1; i < len(cells); i++ {
		step := cells[i].minus(cells[i-1])
		if max(step.x, -step.x, step.y, -step.y) > 1 {
			return false
		}
		switch turn := last.cross(step); {
		case turn < 0:
			left++
		case turn > 0:
			right++
		}
		regular = regular && (i < 3 || step == before)
		before, last = last, step
	}
	return left+right <= few || left == 0 || right == 0 || regular
}
