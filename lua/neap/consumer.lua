---@meta
-- luacheck: ignore 112 212 241
-- What `runtime:consume` takes and gives, as core/script/host_consume.c provides it.

---@class neap.ConsumeOptions
---@field commands? table<string, string> by a message's type the command that it becomes; what is
--- not in it is no command. Without it they have the same names
---@field pending? integer 64: messages that are handled at once, at most 1,024
---@field attempts? integer 5: how often a message comes whose handler fails
---@field retry_delay? number 1: seconds after which a message comes again
---@field timeout? number 5: seconds to wait for a connection
---@field keep_rejected? boolean a message whose command is rejected goes where those go that are no
--- commands, instead of being acknowledged

---Goes on until it is closed, or its runtime is, whether somebody holds it or not.
---@class neap.Consumer
local Consumer = {}

---What became of messages since it was opened.
---@class neap.Consumed
---@field done integer acknowledged: their commands took effect
---@field repeated integer of those: it had been there before
---@field rejected integer acknowledged, or ended: the domain said no
---@field ended integer they are no commands, or their handlers failed too often
---@field again integer given back, to come again: counted each time

---@return neap.Consumed
function Consumer:stats() end

---Handles what it has fetched, and ends. Its figures stay.
function Consumer:close() end
