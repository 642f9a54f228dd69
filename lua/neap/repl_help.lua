-- What each verb of the REPL does, with an example. The order is that of help().

local entries = {
  { "at", "at(where)", "goes to a position, a time or an event's id; without it to the last event",
    'at(3)   at "2026-11-27T14:10"   early = at(3); early:state("Order", "o-1")' },
  { "step", "step(n)", "goes on by one event, or n, and prints what changes in what is watched",
    "step()" },
  { "back", "back(n)", "goes back by one event, or n", "back()" },
  { "go", "go(n)", "goes on by n events; below zero: back", "go(-10)" },
  { "find", "find(type, predicate, options)",
    "goes to the next such event; { backward = true }: to the last one before",
    'find("OrderShipped", function(e) return e.order == "o-2" end, { backward = true })' },
  { "until_change", "until_change(name, id, field, options)",
    "goes to the next event that changes the field of a state, document or saga, or the last with "
      .. "{ backward = true }",
    'until_change("Order", "o-1", "status")   until_change("by_status", "paid", "orders")' },
  { "follow", "follow(filter, predicate)",
    "goes to the end, and on with what others append, until Ctrl-C, or as far as the filter says: "
      .. "stream, category, type, limit, timeout (s)",
    'follow { type = "OrderShipped", limit = 1, timeout = 60 }' },
  { "watch", "watch(name, id), watch(expression), watch(function)",
    "prints with each step what changed in a state, document or saga; watch() lists, unwatch(n) "
      .. "ends it",
    'watch("Order", "o-1")   watch "#list(\'by_status\')"' },
  { "unwatch", "unwatch(n)", "watches the n-th no more; without n nothing any more", "unwatch(1)" },
  { "events", "events(filter)",
    "lists events: stream, category, types, from, to, limit (20), backward",
    'events { stream = "Order-o-1" }' },
  { "event", "event(position)", "shows an event whole, and the command that decided it",
    "event(5)" },
  { "streams", "streams(prefix)", "lists the streams that there were", 'streams "Order-"' },
  { "state", "state(aggregate, id, version)", "shows an aggregate's state, or that of a version",
    'state("Order", "o-1", 1)' },
  { "document", "document(projection, key)", "shows a projection's document; so does find()",
    'document("by_status", "paid")' },
  { "list", "list(projection, options)", "lists documents: prefix, behind, limit, order",
    'list("by_status", { limit = 10 })' },
  { "saga", "saga(name, key)", "shows a saga's instance, as far as events tell",
    'saga("fulfilment", "o-1")' },
  { "sagas", "sagas(name, options)", "lists sagas: status, prefix, behind, limit, order",
    'sagas("fulfilment", { status = "running" })' },
  { "query", "query(name, fields)", "asks a query", 'query("CountOrders", { status = "paid" })' },
  { "diff", "diff(aggregate, id, version, version), diff(name, key, position, position)",
    "shows what differs; without the last: from then to now", 'diff("Order", "o-1", 1, 2)' },
  { "why", "why(name, id, field)",
    "names the event that set the field last, the functions that folded and decided it, and what "
      .. "led to it",
    'why("Order", "o-2", "status")   why("by_status", "paid", "orders")' },
  { "trace", "trace(position)", "draws what one outside message set off", "trace(5)" },
  { "fixture", "fixture(aggregate, id, options)",
    "makes a spec of what was decided last, or from and to a version; file: it is written there",
    'fixture("Order", "o-2", { file = "o2_spec.lua" })' },
  { "reload", "reload(path, options)",
    "takes the changed file, and tells what differs; keep = false, from, to, limit, aggregate",
    'reload()   reload("fixed.lua", { keep = false })' },
  { "deterministic", "deterministic(options)",
    "folds the log twice, with tables in opposite orders, and names what does not come to the "
      .. "same, and the line: from, to, limit, aggregate",
    'deterministic()   deterministic { aggregate = "Order", to = 5 }' },
  { "dispatch", "dispatch(command, data, options)",
    "with --write: decides a command, and goes to its events",
    'dispatch("ShipOrder", { order = "o-1" })' },
  { "publish", "publish(event, data, options)",
    "with --write: records an event from outside in options.stream, at version options.expected",
    'publish("OrderPaid", { order = "o-1" }, { stream = "Order-o-1" })' },
  { "send", "send(command, data, options)",
    "with --write: puts a command into the queue; after (s), at, name",
    'send("ShipOrder", { order = "o-1" }, { after = 3600 })' },
  { "definitions", "definitions(kind)", "lists what the domain defines, and where",
    'definitions "command"' },
  { "subscriptions", "subscriptions()",
    "lists what is folded here; one that has stopped says at which event", "subscriptions()" },
  { "position", "position()", "gives the position", "position()" },
  { "show", "show(value)", "prints a value uncut, however long it is",
    'show(event(3).data)   show(events { limit = 1000 })' },
  { "whole", "whole()", "prints the last result again, uncut", "whole()" },
  { "help", "help(verb)", "says more about a verb", 'help "find"' },
  { "quit", "quit()", "ends; so does the end of the input (Ctrl-D)", "quit()" },
}

local help = { entries = {}, by_name = {} }
for i, entry in ipairs(entries) do
  local it = { name = entry[1], usage = entry[2], about = entry[3], example = entry[4] }
  help.entries[i], help.by_name[it.name] = it, it
end

return help
