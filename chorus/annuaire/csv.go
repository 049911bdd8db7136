package annuaire

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
)

// csv reads a file of lines, each for a recipient, a service of one, or both. The first one has the names.
func (r *reading) csv(m *metered) error {
	in := bufio.NewReaderSize(unmarked(m), mostRecord)
	head, err := in.Peek(mostRecord) // of a short file, all of it
	if err != nil && !errors.Is(err, io.EOF) {
		return badCSV
	}
	head, _, _ = bytes.Cut(head, []byte("\n"))
	lines := csv.NewReader(in)
	lines.Comma, lines.LazyQuotes, lines.FieldsPerRecord, lines.ReuseRecord = separator(head), true, -1, true
	var names []string
	for {
		m.next()
		line, err := lines.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return badCSV
		case names == nil:
			names = columns(line)
			if names == nil {
				return nil // nothing that is known: another file of the zip may have it
			}
			continue
		}
		fields := map[string]string{}
		for k, name := range names {
			if known[name] && k < len(line) {
				fields[name] = short(line[k])
			}
		}
		var services []Service
		if fields["code"] != "" {
			services = append(services, service(fields))
		}
		if err := r.entry(entry(fields, services)); err != nil {
			return err
		}
	}
}

// separator is what most likely stands between the names.
func separator(head []byte) rune {
	best, most := ';', 0
	for _, c := range ";,\t|" {
		if n := bytes.Count(head, []byte(string(c))); n > most {
			best, most = c, n
		}
	}
	return best
}

// columns are the plain names of the first line; nil when it has no Identifiant.
func columns(line []string) []string {
	names, found := make([]string, len(line)), false
	for k, name := range line {
		names[k] = plain(short(name))
		found = found || names[k] == "identifiant"
	}
	if !found {
		return nil
	}
	return names
}
