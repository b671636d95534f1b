package template_test

import (
	"fmt"

	"github.com/hale-go/hale/internal/template"
)

func ExampleMiner() {
	m := template.New()
	for _, line := range []string{
		"accepted connection from 10.0.0.7:41722 in 3 ms",
		"accepted connection from 10.0.0.9:50118 in 12 ms",
		"cache is cold",
	} {
		m.Match(line)
	}
	for _, t := range m.Templates() {
		fmt.Println(t.ID, t.Lines, t.Text)
	}
	// Output:
	// 1 2 accepted connection from <*> in <*>
	// 2 1 cache is cold
}
