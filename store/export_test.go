package store

// Allow is allow, for the tests outside: those that need a database cannot stand inside, which storetest imports.
var Allow = allow

// Numbered is the condition that a row has a number, in whatever writing.
var Numbered = numbered
