-- What may be asked for, what happened, and who decides.

local neap = require "neap"
local domain = neap.domain "DOMAIN_NAME"

-- Events are facts: they are recorded for good.
local BookAdded = domain:event "BookAdded" { book = "string", title = "string" }
local BookLent = domain:event "BookLent" { book = "string", reader = "string" }
local BookReturned = domain:event "BookReturned" { book = "string", reader = "string" }

-- Commands are wishes: an aggregate grants them, or says why not.
domain:command "AddBook" { book = "string", title = "string" }
domain:command "LendBook" { book = "string", reader = "string" }
domain:command "ReturnBook" { book = "string" }

-- Queries are questions.
local FindBook = domain:query "FindBook" { book = "string" }

-- Each book has a stream of events of its own, "Book-<book>". Its state is what they fold to.
domain:aggregate "Book" {
  key = "book",
  initial = { known = false },
  commands = {
    AddBook = function(book, command)
      if book.known then return neap.reject("known", "the library has this book already") end
      return BookAdded { book = command.book, title = command.title }
    end,
    LendBook = function(book, command)
      if not book.known then return neap.reject("unknown", "the library has no such book") end
      if book.reader then
        return neap.reject("lent", "the book is lent to " .. book.reader, { reader = book.reader })
      end
      return BookLent { book = command.book, reader = command.reader }
    end,
    ReturnBook = function(book, command)
      if not book.reader then return neap.reject("not_lent", "nobody has this book") end
      return BookReturned { book = command.book, reader = book.reader }
    end,
  },
  events = {
    BookAdded = function(book, event)
      book.known = true
      book.title = event.title
    end,
    BookLent = function(book, event) book.reader = event.reader end,
    BookReturned = function(book) book.reader = nil end,
  },
  snapshot = { every = 100 },
}

domain:answer(FindBook, function(query, context)
  local book = context:state("Book", query.book)
  return book and { title = book.title, reader = book.reader or neap.null }
end)

return domain
