-- What the library decides. Run it in the project's folder: neap spec

local spec = require "neap.spec"
local library = spec.domain "../PROJECT_NAME.lua"
local BookAdded, BookLent, BookReturned = library.BookAdded, library.BookLent, library.BookReturned
local LendBook, ReturnBook = library.LendBook, library.ReturnBook

local emma = BookAdded { book = "emma", title = "Emma" }
local lent = BookLent { book = "emma", reader = "ada" }

describe("a book", function()
  it("is lent to a reader", function()
    library:given { emma }
      :when(LendBook { book = "emma", reader = "ada" })
      :expect(lent)
      :expect_answer({ "FindBook", { book = "emma" } }, { title = "Emma", reader = "ada" })
  end)

  it("is lent to one reader at a time", function()
    library:given { emma, lent }
      :when(LendBook { book = "emma", reader = "bob" })
      :expect_rejection("lent", "the book is lent to ada")
  end)

  it("can be lent again when it came back", function()
    library:given { emma, lent }
      :when(ReturnBook { book = "emma" })
      :expect(BookReturned { book = "emma", reader = "ada" })
      :when(LendBook { book = "emma", reader = "bob" })
      :expect(BookLent { book = "emma", reader = "bob" })
  end)
end)
