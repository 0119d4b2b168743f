package web

import (
	"errors"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// An error that a call did not turn into a problem stays inside.
func TestInnerErrorsAreNotTold(t *testing.T) {
	out, err := quiet(nil, "500", huma.Error500InternalServerError("unexpected error occurred", errors.New("disk on fire")).(*huma.ErrorModel))
	if p, ok := out.(error); err != nil || !ok || strings.Contains(p.Error(), "fire") {
		t.Errorf("%v, %v", out, err)
	}
}
