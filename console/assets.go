package console

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
)

// asset is a file that pages load. Its address changes with it, so that a browser may keep it for ever.
type asset struct {
	path, at, kind string
	content        []byte
}

var (
	style = newAsset("style.css", "text/css; charset=utf-8")
	// htmx is somebody else's work (vendored/htmx-LICENSE, docs/dependencies.md): it is never edited here.
	htmx = newAsset("vendored/htmx-4.0.1.min.js", "text/javascript; charset=utf-8")
	live = newAsset("live.js", "text/javascript; charset=utf-8")
)

func newAsset(name, kind string) asset {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	sum := sha256.Sum256(content)
	at := "/" + path.Base(name)
	return asset{at, at + "?" + hex.EncodeToString(sum[:6]), kind, content}
}

func (a asset) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.content)
}

func icon(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	b, _ := files.ReadFile("icon.svg") // it is embedded
	_, _ = w.Write(b)
}
