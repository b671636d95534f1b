package template

import "strings"

// part is a token that outlives its line.
type part struct {
	text  string // of a value nothing
	kind  kind
	space bool
}

// form is what is known of a template.
type form struct {
	parts  []part
	fields []field // the parts that are no signs, in order
}

// field is a part that may differ between the lines of a template.
type field struct {
	hash uint64 // of the word; wildHash where there is a value
	part int    // its index
}

// newForm copies what the scan of a line found. Values are not kept.
func newForm(s *scan, line string) form {
	size, fields := 0, 0
	for _, t := range s.tokens[:s.n] {
		size += int(t.end - t.start)
		if t.kind != sign {
			fields++
		}
	}
	var text strings.Builder
	text.Grow(size)
	for _, t := range s.tokens[:s.n] {
		text.WriteString(line[t.start:t.end])
	}
	f := form{parts: make([]part, s.n), fields: make([]field, 0, fields)}
	rest := text.String()
	for i, t := range s.tokens[:s.n] {
		n := int(t.end - t.start)
		f.parts[i] = part{rest[:n], t.kind, t.space}
		rest = rest[n:]
		if t.kind != sign {
			f.fields = append(f.fields, field{t.hash, i})
		}
	}
	return f
}

// String returns the text, with <*> where there is a value.
func (f *form) String() string {
	var b strings.Builder
	for i, p := range f.parts {
		if p.space && i > 0 {
			b.WriteByte(' ')
		}
		if p.kind == wild {
			b.WriteString("<*>")
		} else {
			b.WriteString(strings.ToValidUTF8(p.text, "\uFFFD"))
		}
	}
	return b.String()
}

// differ returns how many fields of the line's form other f does not cover, two
// at most, and the last of them. Both have the same shape.
func (f *form) differ(other []field) (n, at int) {
	for i := range f.fields {
		if h := f.fields[i].hash; h != other[i].hash && h != wildHash {
			if n++; n == 2 {
				return n, i
			}
			at = i
		}
	}
	return n, at
}

// generalize puts a value at field i, and where other has one.
func (f *form) generalize(i int, other *form) {
	for k := range f.fields {
		if k == i || other.fields[k].hash == wildHash {
			f.fields[k].hash = wildHash
			f.parts[f.fields[k].part] = part{kind: wild, space: f.parts[f.fields[k].part].space}
		}
	}
}

// words returns how many fields are words.
func (f *form) words() (n int) {
	for _, x := range f.fields {
		if x.hash != wildHash {
			n++
		}
	}
	return n
}

// quoted reports whether the field is all that is between two quotes.
func (f *form) quoted(i int) bool {
	p := f.fields[i].part
	if p == 0 || p+1 >= len(f.parts) {
		return false
	}
	before, after := f.parts[p-1], f.parts[p+1]
	return before.kind == sign && after.kind == sign && before.text == after.text && (before.text == `"` || before.text == "'")
}

// text returns the word of field i, "" where there is a value.
func (f *form) text(i int) string { return f.parts[f.fields[i].part].text }

// shape is what [scan.shape] returns for lines of the form.
func (f *form) shape() uint64 {
	h := uint64(seed)
	for _, p := range f.parts {
		x := uint64(wildHash)
		if p.kind == sign {
			x = signHash(p.text, 0, len(p.text))
		}
		h = mixToken(h, x, p.space)
	}
	return mix(h, uint64(len(f.parts)))
}
