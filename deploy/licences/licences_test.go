package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

// Every module in our programs has a licence that is allowed, and its text is among the notices.
func TestLicences(t *testing.T) {
	for _, program := range []string{"../../cmd/choriste", "../../cmd/chorus-sim"} {
		var list, notices bytes.Buffer
		if err := check(program, &list, &notices); err != nil {
			t.Errorf("%s: %v\n%s", program, err, &list)
		}
		lines := strings.Split(strings.TrimSpace(list.String()), "\n")
		if len(lines) < 5 || !strings.HasPrefix(lines[0], "BSD-3-Clause                 the Go standard library go1.") {
			t.Errorf("%s holds\n%s", program, &list)
		}
		for _, line := range lines {
			if module := strings.Join(strings.Fields(line[29:]), " "); !strings.Contains(notices.String(), "\n"+module+": ") {
				t.Errorf("the notices lack %s", module)
			}
		}
	}
	if err := check("./nowhere", io.Discard, io.Discard); err == nil {
		t.Error("a program that is not there has licences")
	}
}

// A module without a licence, or with one that is not allowed, has no place here.
func TestLicenceOf(t *testing.T) {
	ours, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		string(ours): "Apache-2.0",
		"Mozilla Public License, version 2.0\n\n1. Definitions … GNU General Public License, Version 2.0":                                                                                   "MPL-2.0",
		"Permission is hereby granted, free of charge, to any person obtaining\na copy of this software":                                                                                    "MIT",
		"GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007":                                                                                                                               "GPL",
		"This is free software under the terms of the GNU Affero General Public License":                                                                                                    "AGPL",
		"Permission to use, copy, modify, and/or distribute this software for any\npurpose with or without fee is hereby granted":                                                           "ISC",
		"Redistribution and use in source and binary forms, with or without modification, are permitted":                                                                                    "BSD-2-Clause",
		"Redistribution and use in source and binary forms … Neither the name of X nor the names of its contributors may be used to endorse or promote products derived from this software": "BSD-3-Clause",
		"All rights reserved. Do not copy.": "",
	} {
		if got := licenceOf(text); got != want {
			t.Errorf("%.60q is taken for %q, and is %q", text, got, want)
		}
	}
}
