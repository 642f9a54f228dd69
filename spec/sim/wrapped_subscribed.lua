-- The same in middleware that waits and tries again.
return require "reading" (require "wrapped")
