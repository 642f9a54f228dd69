-- The world with its read side.
return require "reading" (require "world")
