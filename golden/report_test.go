package golden

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"wf/interpreter/machine"
	"wf/interpreter/report"
	"wf/lang/diag"
	"wf/lang/graph"
)

// whole holds what is true of every report: the timeline is XML, the page is HTML that needs
// nothing beside it, and two of one run are equal.
func whole(t *testing.T, g *graph.Graph, r *machine.Result, trace []machine.Entry, sources diag.Sources) {
	t.Helper()
	run := &report.Run{Graph: g, Result: r, Trace: trace, Sources: sources, Started: start, Seed: 1, Virtual: true}
	page, err := run.HTML()
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := run.HTML(); !bytes.Equal(page, again) {
		t.Error("two reports of one run differ")
	}
	for _, problem := range append(wellFormed(run.Timeline()), validHTML(page)...) {
		t.Errorf("report: %s", problem)
	}
	for _, s := range slices.Concat(r.Steps, r.Closing) {
		if !bytes.Contains(page, []byte(html.EscapeString(s.Name))) {
			t.Errorf("the report says nothing of %s", s.Name)
		}
	}
}

// wellFormed lists what keeps a text from being XML.
func wellFormed(text []byte) []string {
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		if _, err := d.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return []string{err.Error()}
		}
	}
}

// void are the elements of HTML without an end.
var void = []string{"meta", "br", "hr", "img", "input", "link"}

// outside finds what a page would have to load.
var outside = regexp.MustCompile(`(?i)\b(?:src|srcset|action)\s*=|url\(\s*['"]?[^#)'"]|@import|<script|<link|<iframe`)

// validHTML lists what is wrong with a page: elements that are not closed or stand where they
// may not, names that two elements have, links that lead nowhere, and what is loaded from
// outside.
func validHTML(page []byte) []string {
	var out []string
	if m := outside.Find(page); m != nil {
		out = append(out, fmt.Sprintf("loads something: %s", m))
	}
	if !bytes.HasPrefix(page, []byte("<!doctype html>\n<html lang=")) {
		out = append(out, "lacks its doctype or language")
	}
	var open, links []string
	ids := map[string]int{}
	titles := 0
	for z := html.NewTokenizer(bytes.NewReader(page)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				out = append(out, z.Err().Error())
			}
			if len(open) > 0 {
				out = append(out, "is not closed: "+strings.Join(open, " "))
			}
			for id, n := range ids {
				if n > 1 || strings.ContainsAny(id, " \t\n") {
					out = append(out, fmt.Sprintf("the id %q: %d times", id, n))
				}
			}
			for _, l := range links {
				if id, is := strings.CutPrefix(l, "#"); !is || ids[id] == 0 {
					out = append(out, fmt.Sprintf("the link %q leads nowhere", l))
				}
			}
			slices.Sort(out)
			return append(out, moved(page)...)
		case html.StartTagToken:
			tok := z.Token()
			if !slices.Contains(void, tok.Data) {
				open = append(open, tok.Data)
			}
			if titles++; tok.Data != "title" {
				titles--
			}
			links = append(links, references(tok, ids)...)
		case html.SelfClosingTagToken:
			links = append(links, references(z.Token(), ids)...)
		case html.EndTagToken:
			name := z.Token().Data
			if len(open) == 0 || open[len(open)-1] != name {
				return append(out, fmt.Sprintf("</%s> closes %v", name, open))
			}
			open = open[:len(open)-1]
		}
	}
}

// references counts the id of an element and lists what it refers to.
func references(tok html.Token, ids map[string]int) []string {
	var out []string
	for _, a := range tok.Attr {
		switch a.Key {
		case "id":
			ids[a.Val]++
		case "href":
			out = append(out, a.Val)
		case "aria-labelledby":
			out = append(out, "#"+a.Val)
		case "fill", "marker-end":
			if rest, is := strings.CutPrefix(a.Val, "url("); is {
				out = append(out, strings.TrimSuffix(rest, ")"))
			}
		}
	}
	return out
}

// moved says whether a browser would put elements elsewhere than where they stand, as it does
// with what may not be in a table or paragraph: there are as many elements as tags then, but
// their order of nesting differs.
func moved(page []byte) []string {
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return []string{err.Error()}
	}
	var got []string
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			depth := 0
			for range n.Ancestors() {
				depth++
			}
			got = append(got, fmt.Sprintf("%s at %d", strings.ToLower(n.Data), depth))
		}
	}
	var want []string
	depth := 1
	for z := html.NewTokenizer(bytes.NewReader(page)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		switch name, _ := z.TagName(); kind {
		case html.StartTagToken:
			want = append(want, fmt.Sprintf("%s at %d", name, depth))
			if !slices.Contains(void, string(name)) {
				depth++
			}
		case html.SelfClosingTagToken:
			want = append(want, fmt.Sprintf("%s at %d", name, depth))
		case html.EndTagToken:
			depth--
		}
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return []string{fmt.Sprintf("element %d is %s, and a browser makes it %s", i, want[i], got[i])}
		}
	}
	if len(got) != len(want) {
		return []string{fmt.Sprintf("%d elements become %d", len(want), len(got))}
	}
	return nil
}

// TestInvalidPagesAreNoticed holds the checks themselves.
func TestInvalidPagesAreNoticed(t *testing.T) {
	const head = "<!doctype html>\n<html lang=\"en\"><head><title>t</title></head><body>"
	for body, want := range map[string]string{
		`<p>fine</p>`:                             "",
		`<p>open`:                                 "closes",
		`<i><b></i></b>`:                          "closes",
		`<p id="a"></p><p id="a"></p>`:            `the id "a"`,
		`<a href="#b">b</a>`:                      "leads nowhere",
		`<img src="x.png">`:                       "loads something",
		`<p><table></table></p>`:                  "a browser makes it",
		`<table><p></p><tr></tr></table>`:         "a browser makes it",
		`<style>a { background: url(x) }</style>`: "loads something",
	} {
		got := strings.Join(validHTML([]byte(head+body+"</body></html>")), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
