package page_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

var draw = flag.Bool("draw", false, "draw the PNG icons anew from icon.svg")

// icons are drawn from icon.svg. A mask cuts a maskable icon down to its middle, and iOS rounds
// the corners itself: those two fill the square. A badge is a silhouette.
var icons = []struct {
	name   string
	size   int
	change func(svg string) string
}{
	{"icon-192.png", 192, nil},
	{"icon-512.png", 512, nil},
	{"icon-maskable-512.png", 512, func(svg string) string {
		return strings.NewReplacer(` rx="116"`, "", "<path", `<path transform="translate(51.2 51.2) scale(.8)"`).Replace(svg)
	}},
	{"icon-180.png", 180, func(svg string) string { return strings.Replace(svg, ` rx="116"`, "", 1) }},
	{"badge-96.png", 96, func(svg string) string {
		return strings.NewReplacer(`viewBox="0 0 512 512"`, `viewBox="76 76 360 360"`,
			`<rect width="512" height="512" rx="116" fill="#1f5f8b"/>`, `<mask id="m">`, `stroke="#1f5f8b"`, `stroke="#000"`,
			"</svg>", `</mask><rect width="512" height="512" fill="#fff" mask="url(#m)"/></svg>`).Replace(svg)
	}},
}

func TestIcons(t *testing.T) {
	if *draw {
		drawIcons(t)
	}
	for _, icon := range icons {
		b, err := os.ReadFile(filepath.Join("assets", icon.name))
		if err != nil {
			t.Fatal(err)
		}
		c, err := png.DecodeConfig(bytes.NewReader(b))
		if err != nil || c.Width != icon.size || c.Height != icon.size || len(b) > 20_000 {
			t.Errorf("%s: %d by %d in %d octets, %v", icon.name, c.Width, c.Height, len(b), err)
		}
	}
	var manifest struct {
		Icons []struct{ Src, Sizes string }
	}
	b, err := os.ReadFile("assets/manifest.webmanifest")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &manifest); err != nil {
		t.Fatal(err)
	}
	for _, icon := range icons[:3] {
		if !strings.Contains(fmt.Sprint(manifest.Icons), fmt.Sprintf("{%s %dx%d}", icon.name, icon.size, icon.size)) {
			t.Errorf("the manifest does not have %s", icon.name)
		}
	}
}

func drawIcons(t *testing.T) {
	svg, err := os.ReadFile("assets/icon.svg")
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox)
	allocated, end := chromedp.NewExecAllocator(t.Context(), options...)
	defer end()
	ctx, cancel := chromedp.NewContext(allocated)
	defer cancel()
	for _, icon := range icons {
		text := string(svg)
		if icon.change != nil {
			text = icon.change(text)
		}
		html := "<style>body{margin:0}svg{display:block;width:100vw;height:100vh}</style>" + text
		size := int64(icon.size)
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(size, size), chromedp.Navigate("data:text/html,"+url.PathEscape(html))); err != nil {
			t.Fatal(err)
		}
		_, err := chromedp.Call(ctx, emulation.SetDefaultBackgroundColorOverride, emulation.SetDefaultBackgroundColorOverrideParams{
			Color: &cdp.RGBA{A: 1e-9}, // 0 would be left out, and be 1
		})
		if err != nil {
			t.Fatal(err)
		}
		shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("assets", icon.name), shot.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
