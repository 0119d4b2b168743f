package web

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"radpush/web/wire"
)

// apiConfig returns how our APIs are served: JSON only; no pages and no schema links,
// which would load from elsewhere and tell the host's name; errors that repeat nothing.
func apiConfig(title, description string) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI:    "3.1.0",
			Info:       &huma.Info{Title: title, Version: "1", Description: description},
			Components: &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)},
		},
		Formats: map[string]huma.Format{
			"application/json": huma.DefaultJSONFormat,
			"json":             huma.DefaultJSONFormat, // of application/problem+json
		},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{quiet},
	}
}

// maxDetails is how many faults of one request are told: the rest follow from the first.
const maxDetails = 10

// quiet turns huma's errors into problems, without what huma repeats of the request: it
// holds enrolment codes and one-time passwords.
func quiet(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := wire.NewProblem(e.Status, e.Detail)
	if e.Status >= http.StatusInternalServerError {
		return p, nil
	}
	for _, d := range e.Errors[:min(len(e.Errors), maxDetails)] {
		switch {
		case d.Location == "body" && e.Status == http.StatusBadRequest:
			d.Message = "not valid JSON" // the decoder's message quotes it
		case d.Message == validation.MsgUnexpectedProperty:
			d.Location = "body" // its name is what was sent
		}
		p.Errors = append(p.Errors, wire.ProblemDetail{Message: d.Message, Location: d.Location})
	}
	return p, nil
}

// problem returns a problem that a device tells apart by its type.
func problem(status int, kind, detail string) *wire.Problem {
	p := wire.NewProblem(status, detail)
	p.Type = kind
	return p
}

// writeProblem answers where huma is not asked.
func writeProblem(w http.ResponseWriter, p *wire.Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // nobody to tell: the peer has gone
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, wire.NewProblem(http.StatusNotFound, sayNotFound))
}

// problems documents the errors of an operation.
func problems(api huma.API, statuses ...int) map[string]*huma.Response {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[wire.Problem](), true, "")
	responses := make(map[string]*huma.Response)
	for _, status := range statuses {
		responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
	}
	return responses
}

// document returns the OpenAPI document of an API whose operations are all registered.
func document(api huma.API) []byte {
	// Registering adds huma's own error, which we do not send.
	schemas := api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	b, err := json.MarshalIndent(api.OpenAPI(), "", "  ")
	if err != nil {
		panic(err) // it has no input: found by the first test that runs
	}
	return b
}
