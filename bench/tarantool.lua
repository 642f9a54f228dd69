-- luacheck: globals box
-- The same event, one insert a transaction, by a thousand fibers, each durable when it returns:
-- inserts a second, on stdout. Arguments: a folder that exists, how many.
local fiber, clock = require "fiber", require "clock"
local folder, count = arg[1], tonumber(arg[2])

box.cfg { work_dir = folder, wal_mode = "fsync", log_level = 2, memtx_memory = 1024 * 1024 * 1024,
  checkpoint_interval = 0 }
local events = box.schema.space.create("events", { format = {
  { "position", "unsigned" }, { "stream", "unsigned" }, { "version", "unsigned" },
  { "data", "string" } } })
events:create_index("position", { parts = { "position" } })
events:create_index("stream", { parts = { "stream", "version" } })

local data = '{"note":"a note of about sixty bytes, so that an event has its length",'
  .. '"order_id":"o-%d","price":12.5,"quantity":3,"sku":"sku-0123456789"}'
local sent, answered, done = 0, 0, fiber.channel(1)

local function work()
  while sent < count do
    sent = sent + 1
    local position = sent
    events:insert { position, position % 1000, math.floor(position / 1000) + 1,
      data:format(position % 1000) }
    answered = answered + 1
  end
  if answered == count then done:put(true) end
end

local begun = clock.monotonic()
for _ = 1, 1000 do fiber.create(work) end
done:get()
print(string.format("%.0f", count / (clock.monotonic() - begun)))
os.exit(0)
