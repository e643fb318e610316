package native

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"
)

//go:embed docs.html
var docsPage string

//go:embed docs.css
var docsCSS []byte

func parseDocs() *template.Template { return template.Must(template.New("docs").Parse(docsPage)) }

func (h *Handler) openAPI(c *call) (any, error) {
	return c.answerFile("application/json; charset=utf-8", "default-src 'none'; sandbox", contract)
}

func (h *Handler) docsStyle(c *call) (any, error) {
	return c.answerFile("text/css; charset=utf-8", "default-src 'none'; sandbox", docsCSS)
}

// What the page shows of the contract.
type openAPI struct {
	Info struct{ Title, Description string }
	Tags []struct{ Name string }
	// Paths have their operations by method.
	Paths      map[string]map[string]operation
	Components struct {
		Schemas         map[string]schema
		SecuritySchemes map[string]struct{ Description string }
	}
}

type operation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Description string
	Tags        []string
	Parameters  []struct{ Name, In, Description string }
	Security    []map[string]any
	RequestBody struct {
		Content map[string]struct{ Schema schema }
	}
	Responses map[string]struct {
		Description string
		Content     map[string]struct{ Schema schema }
	}
}

type schema struct {
	Ref         string `json:"$ref"`
	Type        any
	Description string
	Format      string
	Enum        []string
	Items       *schema
	OneOf       []schema `json:"oneOf"`
	Properties  map[string]schema
	Required    []string
}

// Name tells what the schema is: the name of an object, or a type.
func (s schema) Name() string {
	switch {
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case len(s.OneOf) > 0:
		return s.OneOf[0].Name() + " or null"
	case s.Items != nil:
		return "list of " + s.Items.Name()
	}
	name := fmt.Sprint(s.Type)
	if all, ok := s.Type.([]any); ok {
		name = fmt.Sprintf("%v or %v", all[0], all[1])
	}
	if s.Format != "" {
		name += " (" + s.Format + ")"
	}
	return name
}

type docsSection struct {
	Tag   string
	Calls []docsCall
}

type docsCall struct {
	Method, Path string
	operation
	Body    string
	Answers []string
}

type docsObject struct {
	Name string
	schema
}

// Sorted gives the properties of the object in the order of their names.
func (o docsObject) Sorted() (all []docsObject) {
	for name, s := range o.Properties {
		all = append(all, docsObject{name, s})
	}
	slices.SortFunc(all, func(a, b docsObject) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Must tells whether a property is always there.
func (o docsObject) Must(name string) bool { return slices.Contains(o.Required, name) }

// showDocs is the contract as a page.
func (h *Handler) showDocs(c *call) (any, error) {
	var doc openAPI
	if err := json.Unmarshal(contract, &doc); err != nil {
		return nil, err
	}
	page := struct {
		openAPI
		Base     string
		Sections []docsSection
		Objects  []docsObject
	}{openAPI: doc, Base: h.BaseURL() + Prefix}
	for _, tag := range doc.Tags {
		s := docsSection{Tag: tag.Name}
		for path, operations := range doc.Paths {
			for method, o := range operations {
				if !slices.Contains(o.Tags, tag.Name) {
					continue
				}
				call := docsCall{Method: strings.ToUpper(method), Path: path, operation: o}
				for _, content := range o.RequestBody.Content {
					call.Body = content.Schema.Name()
				}
				for status, a := range o.Responses {
					if status == "default" {
						continue
					}
					line := status + " " + a.Description
					for _, content := range a.Content {
						if content.Schema.Ref != "" {
							line += " " + content.Schema.Name()
						}
					}
					call.Answers = append(call.Answers, line)
				}
				slices.Sort(call.Answers)
				s.Calls = append(s.Calls, call)
			}
		}
		slices.SortFunc(s.Calls, func(a, b docsCall) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
		page.Sections = append(page.Sections, s)
	}
	for name, s := range doc.Components.Schemas {
		if !strings.HasSuffix(name, "Page") {
			page.Objects = append(page.Objects, docsObject{name, s})
		}
	}
	slices.SortFunc(page.Objects, func(a, b docsObject) int { return strings.Compare(a.Name, b.Name) })
	var out bytes.Buffer
	if err := h.docs.Execute(&out, page); err != nil {
		return nil, err
	}
	return c.answerFile("text/html; charset=utf-8",
		"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", out.Bytes())
}

// Kind tells what the property is.
func (o docsObject) Kind() string { return o.schema.Name() }
