-- Run it in the project's folder: lua5.4 "$(command -v busted)" spec

local neap = require "neap"

describe("a book", function()
  local runtime

  before_each(function()
    runtime = assert(neap.open "PROJECT_NAME.lua") -- on a store in memory, new for each
    assert(runtime:dispatch("AddBook", { book = "emma", title = "Emma" }))
  end)

  after_each(function()
    runtime:close()
  end)

  it("is lent to a reader", function()
    local receipt = assert(runtime:dispatch("LendBook", { book = "emma", reader = "ada" }))
    assert.same({ "BookLent" }, receipt.events)
    assert.same({ title = "Emma", reader = "ada" }, runtime:query("FindBook", { book = "emma" }))
  end)

  it("is lent to one reader at a time", function()
    assert(runtime:dispatch("LendBook", { book = "emma", reader = "ada" }))
    local receipt, err = runtime:dispatch("LendBook", { book = "emma", reader = "bob" })
    assert.is_nil(receipt)
    assert.same({ "lent", "the book is lent to ada" }, { err.code, err.message })
  end)

  it("can be lent again when it came back", function()
    assert(runtime:dispatch("LendBook", { book = "emma", reader = "ada" }))
    assert(runtime:dispatch("ReturnBook", { book = "emma" }))
    assert(runtime:dispatch("LendBook", { book = "emma", reader = "bob" }))
  end)
end)
