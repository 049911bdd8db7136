package chorustest

// CheckAnswer lists what in an answer contradicts the Swagger files; nothing when there are none.
func CheckAnswer(files []string, path string, body map[string]any) ([]string, error) {
	sw, err := readSwagger(files)
	if sw == nil || err != nil {
		return nil, err
	}
	s := sw.responses[path]
	return s.walk("", body, s.definitions), nil
}
