-- What the REPL makes of values and tables, before it is painted.
local ink = require "neap.repl_ink"
local show = require "neap.repl_show"

local function plain(lines)
  local text = {}
  for i, line in ipairs(lines) do text[i] = ink.paint(line, false) end
  return text
end

describe("text for a terminal", function()
  it("counts columns as a terminal does", function()
    for text, columns in pairs {
      [""] = 0, abc = 3, ["é…"] = 2, ["中文"] = 4, ["e\u{301}x"] = 2, ["\u{1F600}"] = 2,
      ["a\u{200D}b"] = 2, ["\27"] = 4, ["\n"] = 2, ["\u{9B}"] = 6, ["\xFF"] = 4, ["\xE4\xB8"] = 8,
      [ink.key "ab"] = 2,
    } do
      assert.equal(columns, ink.columns(text), ("%q"):format(text))
    end
  end)

  it("cuts between characters, and marks it", function()
    local function cut(text, columns) return ink.paint(ink.cut(text, columns), false) end
    assert.equal("abc", cut("abc", 3))
    assert.equal("ab…", cut("abcd", 3))
    assert.equal("中…", cut("中文中", 4))
    assert.equal("…", cut("中文", 1))
    assert.equal("e\u{301}…", cut("e\u{301}e\u{301}e\u{301}", 2))
    assert.equal("a…", cut("a\27[31m", 4))
    assert.equal("\27[32mab\27[0;2m…\27[0m", ink.paint(ink.cut(ink.text "abcd", 3), true))
    assert.equal("\27[32mabc\27[0m", ink.paint(ink.cut(ink.text "abc", 3), true))
    assert.truthy(ink.is_cut(ink.cut("abcd", 3)))
    assert.falsy(ink.is_cut(ink.cut("abc", 3)))
  end)

  it("writes what cannot be printed as Lua does", function()
    for _, text in ipairs {
      "\0", "\27[2J", "\u{85}", "a\xFFsb", "\u{2028}", "\xED\xA0\x80", "\127",
    } do
      local written = ink.escape(text, true)
      assert.falsy(written:find "[%c\x80-\xFF]", written)
      assert.equal(text, load('return "' .. written .. '"')())
      assert.equal(written, (ink.escape(written)))
    end
    assert.equal('a\\"b\\\\c', ink.escape('a"b\\c', true))
    assert.equal('"中é😀"', ink.paint(show.line "中é😀", false))
  end)

  it("has no colours but those of marks", function()
    assert.equal("\\255s\\027[1m", ink.escape "\xFFs\27[1m")
    assert.equal("\\255Z", ink.paint("\xFFZ", true))
    assert.equal('"\\255s"', ink.paint(show.line "\xFFs", true):match '"[^"]*"')
  end)
end)

describe("a table", function()
  local columns = {
    ">n", { name = "when", short = function(cell) return cell:sub(1, 4) end }, "what", "data",
  }
  local rows = {
    { "1", "12345678", ("a"):rep(14), ("b"):rep(40) },
    { "10", "12345678", "中文", "c" },
  }

  it("stands as wide as it is where there is room", function()
    assert.same({
      " n  when      what            data",
      " 1  12345678  aaaaaaaaaaaaaa  " .. ("b"):rep(40),
      "10  12345678  中文            c",
    }, plain(show.table(columns, rows)))
    assert.same(show.table(columns, rows), show.table(columns, rows, 70))
  end)

  it("shortens first, and then cuts the widest texts alike", function()
    assert.same({
      " n  when  what            data",
      " 1  1234  aaaaaaaaaaaaaa  bbbbbbbbbbbbbbbbbbb…",
      "10  1234  中文            c",
    }, plain(show.table(columns, rows, 46)))
    assert.same({
      " n  when  what          data",
      " 1  1234  aaaaaaaaaaa…  bbbbbbbbbbb…",
      "10  1234  中文          c",
    }, plain(show.table(columns, rows, 36)))
  end)

  it("becomes records where too little would be left", function()
    assert.same({
      "n     1", "when  12345678", "what  aaaaaaaaaaaaaa", "data  bbbbbbbbbbbbbbbbb…", "",
      "n     10", "when  12345678", "what  中文", "data  c",
    }, plain(show.table(columns, rows, 24)))
  end)

  it("keeps to every width", function()
    for width = 10, 80 do
      for _, line in ipairs(show.table(columns, rows, width)) do
        assert.truthy(ink.columns(line) <= width, width .. ": " .. line)
      end
    end
  end)
end)
