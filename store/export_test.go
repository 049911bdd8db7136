package store

// Allow is allow, for the tests outside: those that need a database cannot stand inside, which storetest imports.
var Allow = allow

// OfNumber is an item of FROM: the rows that have a number, in whatever writing.
var OfNumber = ofNumber
