package store

// Allow is allow, for the tests outside: those that need a database cannot stand inside, which storetest imports.
var Allow = allow

// OfNumber is an item of FROM: the rows that have a number, in whatever writing.
var OfNumber = ofNumber

// LockHoldersAfter is LockHolders, for which a session of choriste's own stands still after so long.
var LockHoldersAfter = lockHolders
