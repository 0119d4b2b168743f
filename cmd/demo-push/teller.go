package main

import (
	"fmt"
	"io"
	"regexp"
	"time"

	"radpush/web/phone"
)

// A teller tells what happens, with the time since the start.
type teller struct {
	out   io.Writer
	start time.Time
	quiet bool // what was told once is not told again
}

// part begins a part of the story.
func (t teller) part(title string) {
	fmt.Fprintln(t.out)
	t.say("%s.", title)
}

func (t teller) say(format string, args ...any) {
	fmt.Fprintf(t.out, "%8.3fs  %s\n", time.Since(t.start).Seconds(), fmt.Sprintf(format, args...))
}

// below writes a line under what say says.
func (t teller) below(format string, args ...any) {
	fmt.Fprintf(t.out, "           %s\n", fmt.Sprintf(format, args...))
}

// show shows what a device asks its user.
func (t teller) show(r phone.Request) {
	t.below("│ Sign in to %s, as %s, from %s?", r.Prompt.Resource, r.Prompt.User, r.Prompt.IP)
	t.below("│ %s, %s", r.Prompt.Organization, r.Prompt.Started.Local().Format("15:04:05 MST"))
}

// words are the long ones in a line: tokens and what is sealed.
var words = regexp.MustCompile(`[A-Za-z0-9+/=_:.-]+`)

// shortened cuts words that are longer than most.
func shortened(line string, most int) string {
	return words.ReplaceAllStringFunc(line, func(word string) string {
		if len(word) <= most {
			return word
		}
		return fmt.Sprintf("%s… (%d characters)", word[:most/2], len(word))
	})
}
