-- neap.spec: given, when, expect.

local neap = require "neap"
local spec = require "neap.spec"
local domains = require "spec.lua.domains"

local function library()
  local domain = neap.domain "library"
  local Added = domain:event "Added" { book = "string", title = "string", pages = "integer?" }
  local Lent = domain:event "Lent" { book = "string", reader = "string", lines = { "string" } }
  local Back = domain:event "Back" { at = "integer", id = "string" }
  local Noted = domain:event "Noted" { text = "string", user = "string?" }
  domain:event "Orphan" { text = "string" }
  domain:command "Add" { book = "string", title = "string", pages = "integer?" }
  domain:command "Lend" { book = "string", reader = "string" }
  domain:command "Return" { book = "string" }
  domain:command "Spoil" { book = "string" }
  domain:aggregate "Book" {
    key = "book",
    commands = {
      Add = function(book, command)
        if book.title then
          return neap.reject("known", "the library has this book", { title = book.title })
        end
        return Added(command)
      end,
      Lend = function(book, command)
        if not book.title then error "no such book" end
        if book.reader == command.reader then return end
        return Lent { book = command.book, reader = command.reader, lines = { "a", "b\n" } }
      end,
      Return = function(_, command, context)
        return Back { at = context:now(), id = context:id() },
          Lent { book = command.book, reader = "shelf", lines = {} }
      end,
      Spoil = function(book) book.title = "spoilt" end,
    },
    events = {
      Added = function(book, event) book.title, book.pages = event.title, event.pages end,
      Lent = function(book, event) book.reader, book[3] = event.reader, #event.lines end,
      Back = function(book, event) book.back = event.at end,
    },
  }
  domain:handle(domain:command "Note" { text = "string" }, function(command, context)
    context:publish(Noted { text = command.text, user = context.meta.user },
      { stream = "Notes-1" })
    context.services.mail.send(command.text)
  end)
  domain:service("mail", function() return { send = function() end } end)
  domain:answer(domain:query "Find" { book = "string" }, function(query, context)
    local book = context:state("Book", query.book)
    return book and { title = book.title }
  end)
  return domain
end

local books = spec.domain(library())
local Add, Added, Lend, Return = books.Add, books.Added, books.Lend, books.Return

local emma = Added { book = "emma", title = "Emma" }

-- The message of the error that the body raises, without the place; which must be in this file.
local function failure(body)
  local ok, why = pcall(body)
  assert.is_false(ok)
  local message = why:match "^.-spec_kit_spec%.lua:%d+: (.*)$"
  assert.is_string(message, why)
  return message
end

describe("given, when, expect", function()
  it("accepts what was expected, and goes on", function()
    books:given { emma }
      :when(Lend { book = "emma", reader = "ada" })
      :expect(books.Lent { book = "emma", reader = "ada", lines = { "a", "b\n" } })
      :expect_state("Book", "emma", { title = "Emma", reader = "ada", [3] = 2 })
      :when(Lend { book = "emma", reader = "ada" })
      :expect_nothing()
      :when(Add { book = "emma", title = "x" })
      :expect_rejection("known")
      :expect_rejection("known", "the library has this book", { title = "Emma" })
      :expect(spec.rejection "known")
      :expect(neap.reject("known", "the library has this book"))
      :expect_answer({ "Find", { book = "emma" } }, { title = "Emma" })
      :expect_answer({ "Find", { book = "ulysses" } }, nil)
  end)

  it("takes messages by name", function()
    books:given { "Added", { book = "emma", title = "Emma" }, { "Lend", { book = "emma",
      reader = "bob" } } }
      :when("Lend", { book = "emma", reader = "ada" })
      :expect("Lent", { book = "emma", reader = "ada", lines = spec.any })
    assert.same({ title = "Emma" }, books:given { emma }:query("Find", { book = "emma" }))
  end)

  it("begins with an empty store each time", function()
    books:when(Add { book = "emma", title = "Emma" }):expect(emma)
    books:when(Add { book = "emma", title = "Emma" }):expect(emma)
    books:expect_state("Book", "emma", nil)
  end)

  it("repeats times and ids", function()
    local function ids()
      local scenario = books:given { emma }:when(Return { book = "emma" })
      local _, why = pcall(scenario.expect, scenario, "Back", { at = 0, id = "" })
      return why:match 'got ("[^"]*")'
    end
    assert.equal(ids(), ids())
    books:given { emma }:at "2024-02-29T12:00:00.5Z":when(Return { book = "emma" })
      :expect("Back", { at = 1709208000500000, id = spec.any }, "Lent",
        { book = "emma", reader = "shelf", lines = {} })
    for text, time in pairs {
      ["1970-01-01T00:00:00.000001Z"] = 1, ["2000-03-01T00:00:00Z"] = 951868800000000,
      ["2025-01-01T00:00:00Z"] = 1735689600000000,
    } do
      books:at(text):when(Return { book = "a" })
        :expect({ "Back", { at = time, id = spec.any } },
          { "Lent", { book = "a", reader = "shelf", lines = {} } })
    end
    books:at(7):when(Return { book = "a" }):expect_state("Book", "a", {
      back = 7, reader = "shelf", [3] = 0 })
  end)

  it("gives meta and services to handlers", function()
    local sent = {}
    books:services { mail = { send = function(text) sent[#sent + 1] = text end } }
      :meta { user = "ada" }
      :when("Note", { text = "x" })
      :expect(spec.on("Notes-1", { "Noted", { text = "x", user = "ada" } }))
    assert.same({ "x" }, sent)
  end)

  it("records an event in the stream of its aggregate, or where it is said", function()
    books:given { { "Back", { at = 3, id = "x" } } } -- its stream is that of the command behind it
      :when(Lend { book = "emma", reader = "x" }):expect_error("handler", "no such book")
      :expect_state("Book", "emma", { back = 3 })
    books:given { spec.on("Book-other", emma) }:expect_state("Book", "other", { title = "Emma" })
    assert.equal("given: whose event is Back? it has no 'book', which names the Book; "
      .. 'say spec.on("Book-…", event)',
      failure(function() books:given { { "Back", { at = 3, id = "x" } } }:query("Find",
        { book = "a" }) end))
    assert.equal("given: whose event is Orphan? no aggregate folds it; "
      .. 'say spec.on("Stream-…", event)',
      failure(function() books:given { { "Orphan", { text = "" } } }:query("Find",
        { book = "a" }) end))
  end)

  it("knows aggregates by tags", function()
    local school = neap.domain "school"
    local Enrolled = school:event("Enrolled", { tags = { "course", "student" } }) {
      course = "string", student = "string" }
    school:command "Enrol" { course = "string", student = "string" }
    school:aggregate "Enrolment" {
      tags = { "course", "student" }, initial = { count = 0 },
      commands = { Enrol = function(state, command)
        if state.count >= 2 then return neap.reject "full" end
        return Enrolled(command)
      end },
      events = { Enrolled = function(state) state.count = state.count + 1 end },
    }
    local of = spec.domain(school)
    of:given { of.Enrolled { course = "c", student = "a" }, of.Enrolled { course = "c",
      student = "b" } }
      :when(of.Enrol { course = "c", student = "d" }):expect_rejection "full"
      :expect_state("Enrolment", { course = "c" }, { count = 2 })
      :when(of.Enrol { course = "d", student = "d" })
      :expect(spec.on("Enrolment-d", of.Enrolled { course = "d", student = "d" }))
  end)

  it("takes a file beside the spec, with its modules", function()
    local folder = domains.write {
      ["book.lua"] = [[
local neap = require "neap"
local domain = neap.domain(require("names").domain)
domain:event "Added" { book = "string" }
return domain
]],
      ["names.lua"] = "return { domain = 'books' }",
      ["spec.lua"] = [[
local spec = require "neap.spec"
local books = spec.domain "book.lua"
return books:given { spec.on("Book-1", { "Added", { book = "x" } }) }, books.Added { book = "y" }
]],
    }
    assert.has_no_error(function() dofile(folder .. "/spec.lua") end)
    assert.truthy(failure(function() spec.domain "nowhere.lua" end):find("nowhere.lua", 1, true))
    domains.remove(folder)
  end)
end)

it("a domain in a lane cannot specify", function()
  local _, err = domains.open "local neap = require 'neap'\nrequire 'neap.spec'"
  assert.equal("domain.lua:2: neap.spec is for specifications, which run beside a domain and not "
    .. "in it", err.message)
end)

describe("a failure of a specification", function()
  it("tells each field that differs", function()
    assert.equal([[
Lend { book = "emma", reader = "ada" } led to other events than expected:
  differs     Lent
                lines[2]: expected "c", got "b\n"
                lines[3]: expected "d", got nothing
                reader:   expected "bob", got "ada"]], failure(function()
      books:given { emma }:when(Lend { book = "emma", reader = "ada" })
        :expect(books.Lent { book = "emma", reader = "bob", lines = { "a", "c", "d" } })
    end))
  end)

  it("tells which events are missing and which came instead", function()
    assert.equal([[
Return { book = "emma" } led to other events than expected:
  missing     Added { book = "emma", title = "Emma" }
  as expected Back
  unexpected  Lent { book = "emma", lines = {}, reader = "shelf" }]], failure(function()
      books:given { emma }:when(Return { book = "emma" })
        :expect(emma, { "Back", { at = spec.any, id = spec.any } })
    end))
  end)

  it("tells of a rejection with its code and message", function()
    assert.equal([[
Add { book = "emma", title = "x" } was rejected (known): the library has this book
  missing     Added { book = "emma", title = "x" }]], failure(function()
      books:given { emma }:when(Add { book = "emma", title = "x" })
        :expect(Added { book = "emma", title = "x" })
    end))
    assert.equal([[
Add { book = "emma", title = "x" } was rejected (known): the library has this book; ]]
      .. [[this is otherwise than expected:
  code:          expected "lent", got "known"
  details.title: expected "x", got "Emma"]], failure(function()
      books:given { emma }:when(Add { book = "emma", title = "x" })
        :expect_rejection("lent", "the library has this book", { title = "x" })
    end))
    assert.equal([[
Add { book = "b", title = "x" } was to be rejected (known), but led to
  Added { book = "b", title = "x" }]], failure(function()
      books:when(Add { book = "b", title = "x" }):expect_rejection "known"
    end))
  end)

  it("tells of an error in a handler, with the domain's lines", function()
    local message = failure(function()
      books:when(Lend { book = "emma", reader = "x" }):expect_nothing()
    end)
    assert.truthy(message:find('x" } was to lead to no events, but failed (handler): ', 1, true))
    assert.truthy(message:find("no such book\n  .*spec_kit_spec.lua:%d+: in "), message)
    assert.is_nil(message:find "busted")
  end)

  it("tells of a decision that changed its state", function()
    assert.truthy(failure(function()
      books:given { emma }:when("Spoil", { book = "emma" }):expect_nothing()
    end):find("changed its state at 'title'", 1, true))
  end)

  it("tells of a fold that depends on more than state and event", function()
    local counting, folds = neap.domain "counting", 0
    local Counted = counting:event "Counted" { id = "string" }
    counting:command "Count" { id = "string" }
    counting:aggregate "Counter" {
      key = "id",
      commands = { Count = function(_, command) return Counted(command) end },
      events = { Counted = function(counter)
        folds = folds + 1
        counter.folds = folds
      end },
    }
    local of = spec.domain(counting)
    assert.equal([[
Count { id = "a" } left a state of Counter-a that its events, folded anew, do not give; ]]
      .. [[does a fold depend on anything else?
  folds: expected 1, got 2]], failure(function()
      of:when("Count", { id = "a" }):expect("Counted", { id = "a" })
    end))
  end)

  it("tells of states and answers", function()
    assert.equal([[
the state of Book-emma is other than expected:
  reader: expected "ada", got nothing
  title:  expected "x", got "Emma"]], failure(function()
      books:given { emma }:expect_state("Book", "emma", { title = "x", reader = "ada" })
    end))
    assert.equal("Book-emma does not exist; expected {}",
      failure(function() books:expect_state("Book", "emma", {}) end))
    assert.equal('Book-emma was not to exist, but is { title = "Emma" }',
      failure(function() books:given { emma }:expect_state("Book", "emma", nil) end))
    assert.equal([[
Find { book = "emma" } has another answer than expected:
  title: expected "x", got "Emma"]], failure(function()
      books:given { emma }:expect_answer({ "Find", { book = "emma" } }, { title = "x" })
    end))
  end)

  it("tells what could not be given", function()
    assert.equal("given: Added cannot be recorded: invalid: title: expected string, got nothing",
      failure(function()
        books:given { { "Added", { book = "x" } } }:when("Note", { text = "" })
      end))
    assert.equal('given: Add { book = "emma", title = "x" } was rejected (known): '
      .. "the library has this book", failure(function()
        books:given { emma, Add { book = "emma", title = "x" } }:when("Note", { text = "" })
      end))
  end)

  it("tells of wrong use", function()
    local cases = {
      ["the domain 'library' has no 'Ad'; did you mean 'Add'?"] = function() return books.Ad, 1 end,
      ["a scenario has no 'expct'; did you mean 'expect'?"] = function()
        return books:given({}):expct(), 1
      end,
      ["neap.spec has no 'domains'; did you mean 'domain'?"] = function()
        return spec.domains, 1
      end,
      ["when: the domain has no message 'Ad'; did you mean 'Add'?"] = function()
        books:when("Ad", {})
      end,
      ["when: Added is an event"] = function() books:when(emma) end,
      ["when needs one message, got 2"] = function() books:when("Note", { text = "" }, "Note") end,
      ["when: expected a message, as its constructor gives it or as a name with a table, got 3"] =
        function() books:when(3) end,
      ["expect: no command was dispatched; `when` comes first"] = function()
        books:given({}):expect(emma)
      end,
      ["expect needs events or a rejection; expect_nothing() is for a command without events"] =
        function() books:when("Note", { text = "" }):expect() end,
      ["expect: a rejection stands alone; a rejected command has no events"] = function()
        books:when("Note", { text = "" }):expect(emma, spec.rejection "x")
      end,
      ["given needs a list of events and commands, got nothing"] = function() books:given() end,
      ['at needs µs since 1970 as an integer, or a text as "2025-03-01T12:00:00Z", got "today"'] =
        function() books:at "today" end,
      ['at needs µs since 1970 as an integer, or a text as "2025-03-01T12:00:00Z", got '
        .. '"2025-02-29T12:00:00Z"'] = function() books:at "2025-02-29T12:00:00Z" end,
      ['at needs µs since 1970 as an integer, or a text as "2025-03-01T12:00:00Z", got '
        .. '"2024-13-01T12:00:00Z"'] = function() books:at "2024-13-01T12:00:00Z" end,
      ['at needs µs since 1970 as an integer, or a text as "2025-03-01T12:00:00Z", got '
        .. '"2024-02-29T24:00:00Z"'] = function() books:at "2024-02-29T24:00:00Z" end,
      ['meta needs a table of texts, got "ada"'] = function() books:meta "ada" end,
      ['services needs a table of services by their names, got "mail"'] = function()
        books:services "mail"
      end,
      ["this scenario ended when another one of its domain began to run; run one after the other"] =
        function()
          local first = books:when("Note", { text = "" })
          books:when("Note", { text = "" })
          first:when("Note", { text = "" })
        end,
      ["spec.domain needs the path of a domain's file, or a domain, got 3"] = function()
        spec.domain(3)
      end,
      ["services: this comes too late, something was done already"] = function()
        books:when("Note", { text = "" }):services {}
      end,
    }
    for message, body in pairs(cases) do
      assert.equal(message, failure(body))
    end
  end)

  it("cuts what is very long", function()
    local message = failure(function()
      books:given { { "Added", { book = "a", title = ("é"):rep(500) } } }
        :expect_state("Book", "a", { title = "x" })
    end)
    assert.is_true(#message < 400)
    assert.is_truthy(utf8.len(message))
  end)

  it("shows where long texts differ", function()
    local long = ("é"):rep(500)
    local message = failure(function()
      books:when(Add { book = "a", title = long .. "right" .. long })
        :expect { "Added", { book = "a", title = long .. "wrong" .. long } }
    end)
    local expected, got = message:match 'title: expected …(é+.-)…, got …(é+.-)…$'
    assert.equal("wrong", expected:match "é(%a+)", message)
    assert.equal("right", got:match "é(%a+)")
    assert.is_truthy(utf8.len(message))
  end)
end)

describe("an event as an earlier version stored it", function()
  local function orders()
    local domain = neap.domain "orders"
    local Placed = domain:event "Placed" { order = "string", client = "string", cents = "integer" }
    Placed:upcast(function(data)
      data.client, data.customer = data.customer, nil
      return data
    end)
    Placed:upcast(function(data)
      return { order = data.order, client = data.client, cents = data.total * 100 }
    end)
    local Sent = domain:event("Shipped", { formerly = "Sent" }) { order = "string" }
    local Noted = domain:event "Noted" { order = "string", text = "string" }
    local tagged = { tags = { "client", "agent" } }
    local Billed = domain:event("Billed", tagged) { client = "string", agent = "integer?" }
    Billed:upcast(function(data)
      return { client = data.client or data.customer, agent = data.agent }
    end)
    domain:retired("Charged", function(data) return Billed { client = data.client } end)
    domain:event("Seen", { transient = true }) { order = "string" }
    domain:retired "Opened"
    domain:retired("Changed", function(data, schema)
      if data.fail then error "no such change" end
      return { Noted { order = data.id, text = "v" .. schema }, Sent { order = data.id } }
    end)
    domain:command "Ship" { order = "string" }
    domain:aggregate "Order" {
      key = "order",
      commands = { Ship = function(order, command)
        if order.sent then return neap.reject "sent" end
        return Sent(command)
      end },
      events = {
        Placed = function(order, event) order.client, order.cents = event.client, event.cents end,
        Shipped = function(order) order.sent = true end,
        Noted = function(order, event) order.text = event.text end,
      },
    }
    domain:aggregate "Client" {
      tags = { "client" }, initial = { bills = 0 }, commands = {},
      events = { Billed = function(client) client.bills = client.bills + 1 end },
    }
    domain:answer(domain:query "Bills" { client = "string" }, function(query, context)
      local client = context:state("Client", { client = query.client })
      return client and client.bills or 0
    end)
    return domain
  end
  local shop = spec.domain(orders())
  local first = { order = "o-1", customer = "ada", total = 42 }

  it("is read through upcasters, former names and retirements", function()
    shop:given { spec.stored("Placed", 1, first) }
      :expect_state("Order", "o-1", { client = "ada", cents = 4200 })
      :when(shop.Ship { order = "o-1" }):expect(shop.Shipped { order = "o-1" })
    shop:given { spec.stored("Placed", 2, { order = "o-1", client = "bob", total = 1 }),
        spec.stored("Sent", 1, { order = "o-1" }) }
      :when(shop.Ship { order = "o-1" }):expect_rejection "sent"
    shop:given { spec.stored("Changed", 7, { id = "o-1" }),
        spec.on("Order-o-1", spec.stored("Opened", 3, {})) }
      :expect_state("Order", "o-1", { text = "v7", sent = true })
  end)

  it("is not checked against today's schema", function()
    shop:given { spec.stored("Placed", 3, { order = "o-1", cents = "many", more = true }) }
      :expect_state("Order", "o-1", { cents = "many" })
  end)

  it("has the tags that its data had, or those that are given", function()
    local function bills(...)
      return shop:given { spec.stored(...) }:query("Bills", { client = "ada" })
    end
    assert.equal(1, bills("Billed", 1, { client = "ada", agent = 7 }))
    assert.equal(1, bills("Charged", 1, { client = "ada" }))
    assert.equal(0, bills("Billed", 1, { customer = "ada" })) -- is found in no tag
    assert.equal(1, bills("Billed", 1, { customer = "ada" }, { tags = { client = "ada", x = 1 } }))
    assert.equal(0, bills("Billed", 1, { client = "ada" }, { tags = {} }))
  end)

  it("is where it is said to be", function()
    shop:given { spec.stored("Placed", 1, first, { stream = "Order-a" }),
        spec.on("Order-b", spec.stored("Placed", 1, first, { stream = "Order-c" })) }
      :expect_state("Order", "o-1", nil):expect_state("Order", "c", nil)
      :expect_state("Order", "a", { client = "ada", cents = 4200 })
      :expect_state("Order", "b", { client = "ada", cents = 4200 })
  end)

  it("stays as it was when it was made", function()
    local data = { order = "o-1", client = "ada", total = 1 }
    local event = spec.stored("Placed", 2, data)
    data.total = 2
    shop:given { event }:expect_state("Order", "o-1", { client = "ada", cents = 100 })
  end)

  it("tells what could not be given", function()
    local function given(...)
      local event = spec.stored(...)
      return function() shop:given { event }:when(shop.Ship { order = "o-1" }) end
    end
    local cases = {
      ["given: Placed cannot be recorded: invalid: event 'Placed', schema version 4: "
        .. "the domain reads the schema versions 1 to 3"] = given("Placed", 4, first),
      ["given: Sent cannot be recorded: invalid: event 'Sent', schema version 2: "
        .. "the domain reads schema version 1"] = given("Sent", 2, { order = "o-1" }),
      ["given: Plced cannot be recorded: unknown: event 'Plced', schema version 1: "
        .. "the domain has no such event; did you mean 'Placed'?"] = given("Plced", 1, first),
      ["given: Ship cannot be recorded: unknown: event 'Ship', schema version 1: "
        .. "the domain has no such event"] = given("Ship", 1, {}),
      ["given: Seen cannot be recorded: invalid: event 'Seen' is transient, "
        .. "which is never recorded"] = given("Seen", 1, { order = "o-1" }, { stream = "Order-1" }),
      ["given: Opened cannot be recorded: invalid: event 'Opened': "
        .. "expected an object, got a list"] =
        given("Opened", 1, { 1 }, { stream = "Order-1" }),
      ["given: whose event is Opened, schema version 1? it is read as none; "
        .. 'say spec.on("Stream-…", event)'] = given("Opened", 1, {}),
      ["when: spec.stored is for given; today's events are expected"] = function()
        shop:when(spec.stored("Placed", 1, first))
      end,
      ["spec.stored needs the name of the event's type, got 1"] = function() spec.stored(1) end,
      ["spec.stored: the schema version of 'Placed' must be an integer from 1, got 0"] =
        function() spec.stored("Placed", 0, first) end,
      ["spec.stored: the data of 'Placed' must be a table, got nothing"] =
        function() spec.stored("Placed", 1) end,
      ["spec.stored: the data of 'Placed': invalid: a.b: JSON has no function"] =
        function() spec.stored("Placed", 1, { a = { b = print } }) end,
      ["spec.stored knows no option 'tag'; did you mean 'tags'?"] =
        function() spec.stored("Placed", 1, first, { tag = {} }) end,
      ["spec.stored: 'stream' must be a text, got 1"] =
        function() spec.stored("Placed", 1, first, { stream = 1 }) end,
      ['spec.stored: \'tags\' must be texts or integers by name, got { "order:o-1" }'] =
        function() spec.stored("Placed", 1, first, { tags = { "order:o-1" } }) end,
    }
    for message, body in pairs(cases) do
      assert.equal(message, failure(body))
    end
    assert.matches("^given: Changed, schema version 1, cannot be read: .*no such change$",
      failure(given("Changed", 1, { fail = true })))
  end)
end)

describe("a specification of a handler that dispatches", function()
  local domain = neap.domain "transfers"
  local account = { account = "string", amount = "integer" }
  local Put, Taken = domain:event "Put" (account), domain:event "Taken" (account)
  local Give, Take = domain:command "Give" (account), domain:command "Take" (account)
  local Moved = domain:event "Moved" { receipts = "any", slept = "boolean" }
  local Move = domain:command "Move" { from = "string", to = "string", amount = "integer" }
  domain:aggregate "Account" {
    key = "account",
    initial = { sum = 0 },
    commands = {
      Give = function(_, command)
        if command.account == "nobody" then return neap.reject("closed", "no such account") end
        return Put(command)
      end,
      Take = function(_, command) return Taken(command) end,
    },
    events = {
      Put = function(state, event) state.sum = state.sum + event.amount end,
      Taken = function(state, event) state.sum = state.sum - event.amount end,
    },
  }
  domain:handle(Move, function(command, context)
    local taken = assert(context:dispatch(Take { account = command.from, amount = command.amount }))
    local slept = context:sleep(3600)
    local given, err = context:dispatch(Give { account = command.to, amount = command.amount })
    if not given then
      assert(context:dispatch(Give { account = command.from, amount = command.amount }))
      return neap.reject(err.code, err.message)
    end
    context:publish(Moved { receipts = { taken, given }, slept = slept }, { stream = "Moves-1" })
  end)
  local transfers = spec.domain(domain)

  it("shows what it dispatched, with receipts, and takes no time", function()
    local moved
    transfers:given { Put { account = "a", amount = 9 } }
      :when(Move { from = "a", to = "b", amount = 4 })
      :expect(Taken { account = "a", amount = 4 }, Put { account = "b", amount = 4 },
        { "Moved", { receipts = spec.any, slept = true } })
      :expect_state("Account", "a", { sum = 5 })
      :expect_state("Account", "b", { sum = 4 })
    for event in rawget(transfers, "opened"):events { types = { "Moved" } } do
      moved = event.data
    end
    assert.same({ "Account-a", 2, 2 }, { moved.receipts[1].stream, moved.receipts[1].version,
      moved.receipts[1].position })
    assert.same({ "Account-b", 1, 3 }, { moved.receipts[2].stream, moved.receipts[2].version,
      moved.receipts[2].position })
  end)

  it("shows it also behind a rejection that was expected", function()
    local when = transfers:when(Move { from = "a", to = "nobody", amount = 4 })
    assert.is_false(pcall(when.expect, when, Taken { account = "a", amount = 4 }))
    assert.is_false(pcall(when.expect_nothing, when))
    when:expect_rejection("closed", "no such account")
      :expect(Taken { account = "a", amount = 4 }, Put { account = "a", amount = 4 })
    assert.is_false(pcall(when.expect_nothing, when))
  end)
end)
