package email

// Pauses are how long a Send waits between its tries.
var Pauses = &pauses
