package record

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"
)

// tee keeps a copy of a body that passes, as long as there is room for it.
type tee struct {
	r     *Recorder
	body  bytes.Buffer
	room  int64 // taken of the recorder's memory
	bytes int64
	lost  bool // there was no room
}

func (r *Recorder) tee() *tee { return &tee{r: r} }

func (t *tee) reader(from io.ReadCloser) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(from, t), from}
}

func (t *tee) Write(p []byte) (int, error) {
	t.bytes += int64(len(p))
	const step = 1 << 20
	for !t.lost && int64(t.body.Len()+len(p)) > t.room {
		if t.room+step > maxKept || !t.r.memory.TryAcquire(step) {
			t.lost = true
			t.body = bytes.Buffer{}
			break
		}
		t.room += step
	}
	if !t.lost {
		t.body.Write(p)
	}
	return len(p), nil
}

func (t *tee) free() {
	if t.room > 0 {
		t.r.memory.Release(t.room)
		t.room = 0
	}
}

// keep masks an exchange and writes it, unless the file would become too large.
func (r *Recorder) keep(x Exchange, in *http.Request, asked *tee, answer *http.Response, said *tee, started time.Time) {
	x.TookMS = time.Since(started).Milliseconds()
	s := r.scrub
	form, _ := url.ParseQuery(in.URL.RawQuery)
	if in.URL.Path == tokenPath {
		sent, _ := url.ParseQuery(asked.body.String())
		for name, values := range sent {
			form[name] = append(form[name], values...)
		}
	}
	var body []byte
	if said != nil {
		body = said.body.Bytes()
	}
	s.learnFrom(in.Header, form, asked.body.Bytes(), body)
	x.Path = s.path(in.URL.Path)
	if in.URL.RawQuery != "" {
		values := url.Values{}
		for name, value := range s.form([]byte(in.URL.RawQuery)) {
			values.Set(name, value)
		}
		x.Query = values.Encode()
	}
	x.Asked = r.masked(in.Header, asked)
	if answer != nil {
		m := r.masked(answer.Header, said)
		m.Status = answer.StatusCode
		x.Said = &m
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x.N = r.n + 1
	line, err := json.Marshal(x)
	switch {
	case r.file == nil || r.failed != nil:
		return
	case err == nil && r.written+int64(len(line))+1 > r.cfg.MaxBytes || len(line) >= maxLine:
		r.stop("the file is as large as it may be (-max-size)")
		return
	case err == nil:
		err = r.line(x)
	}
	if err != nil {
		r.failed = err
		r.stop("the file cannot be written")
		return
	}
	r.n++
}

// stop is end, for those who hold the lock.
func (r *Recorder) stop(why string) {
	select {
	case <-r.ended:
	default:
		r.why = why
		close(r.ended)
	}
}

// masked makes what is kept of one direction.
func (r *Recorder) masked(h http.Header, t *tee) Message {
	m := Message{Bytes: t.bytes}
	m.Headers, m.Others = r.scrub.headers(h)
	if t.lost {
		m.LeftOut = "it is too large"
		return m
	}
	r.scrub.body(&m, h, t.body.Bytes())
	return m
}
