-- The history of a machine's Debian packages, told by dpkg's log.
--
-- What dpkg sets out to do (install, upgrade, remove …) is a command that the history may refuse.
-- What dpkg reports as a package's status has happened already and is never refused: where it does
-- not follow from the history, PackageFound says so, and the history goes on from there.
--
-- `at` is the log's time with the line's number behind it, "2025-06-24 14:36:25.000007". It sorts
-- as text, so that a package knows which lines it has seen, however often they come.

local neap = require "neap"
local packages = neap.domain "packages"

local there = {
  ["half-installed"] = true,
  ["unpacked"] = true,
  ["half-configured"] = true,
  ["triggers-awaited"] = true,
  ["triggers-pending"] = true,
  ["installed"] = true,
}
local gone = { ["config-files"] = true, ["not-installed"] = true }
local configured = {
  ["installed"] = true,
  ["triggers-awaited"] = true,
  ["triggers-pending"] = true,
}

local function status(value)
  if there[value] or gone[value] then return true end
  return false, "a status of dpkg, such as 'installed'"
end

packages:command "Install" { package = "string", version = "string", at = "string" }
packages:command "Upgrade" {
  package = "string", from = "string", version = "string", at = "string",
}
packages:command "Remove" { package = "string", version = "string", at = "string" }
packages:command "Purge" { package = "string", version = "string", at = "string" }
packages:command "Configure" { package = "string", version = "string", at = "string" }
packages:command "ProcessTriggers" { package = "string", version = "string", at = "string" }
packages:command "ReportStatus" {
  package = "string", status = status, version = "string?", at = "string",
}

local PackageFound = packages:event "PackageFound" {
  package = "string", status = status, version = "string?", at = "string",
}
local ActionBegun = packages:event "ActionBegun" {
  package = "string", action = "string", version = "string", at = "string",
}
local StageReached = packages:event "StageReached" {
  package = "string", status = status, version = "string", at = "string",
}
local PackageInstalled = packages:event "PackageInstalled" {
  package = "string", version = "string", at = "string",
}
local PackageUpgraded = packages:event "PackageUpgraded" {
  package = "string", from = "string", version = "string", at = "string",
}
local PackageRemoved = packages:event "PackageRemoved" {
  package = "string", version = "string", at = "string",
}
local PackagePurged = packages:event "PackagePurged" { package = "string", at = "string" }

local GetPackage = packages:query "GetPackage" { package = "string" }

local function seen(known, command)
  return command.at <= known.at
end

local function begun(command, action)
  return ActionBegun {
    package = command.package, action = action, version = command.version, at = command.at,
  }
end

local function found(command, found_status, version)
  return PackageFound {
    package = command.package, status = found_status, version = version, at = command.at,
  }
end

-- An action on a package that dpkg says is there, as `version`. If the history does not have it so,
-- it was found then, with the status that the action implies.
local function begin(known, command, action, version, implied)
  if seen(known, command) then return end
  if known.status == "not-installed" then
    return neap.reject("not_installed", command.package .. " is not installed, says the history")
  end
  if known.version ~= version then
    return found(command, implied, version), begun(command, action)
  end
  return begun(command, action)
end

-- A status follows from the history if it is of the version that is there or under way.
local function follows(known, command)
  if known.status == "unknown" then return false end
  return command.version == nil
    or command.version == known.version
    or command.version == known.intended
end

local function reached(known, command)
  local package, version, at = command.package, command.version, command.at
  if command.status == "not-installed" then
    return PackagePurged { package = package, at = at }
  elseif command.status == "config-files" then
    return PackageRemoved { package = package, version = version, at = at }
  elseif command.status ~= "installed" or known.installed == version then
    return StageReached { package = package, status = command.status, version = version, at = at }
  elseif known.installed then
    return PackageUpgraded { package = package, from = known.installed, version = version, at = at }
  end
  return PackageInstalled { package = package, version = version, at = at }
end

packages:aggregate "Package" {
  key = "package",
  initial = { status = "unknown", at = "", before_log = false, gaps = 0 },

  commands = {
    Install = function(known, command)
      if seen(known, command) then return end
      if there[known.status] then
        local why = command.package .. " is there already, says the history"
        return neap.reject("already_there", why, { status = known.status, version = known.version })
      end
      return begun(command, "install")
    end,

    Upgrade = function(known, command)
      return begin(known, command, "upgrade", command.from, "installed")
    end,

    Remove = function(known, command)
      return begin(known, command, "remove", command.version, "installed")
    end,

    Purge = function(known, command)
      return begin(known, command, "purge", command.version, "config-files")
    end,

    Configure = function(known, command)
      return begin(known, command, "configure", command.version, "unpacked")
    end,

    ProcessTriggers = function(known, command)
      return begin(known, command, "trigproc", command.version, "triggers-pending")
    end,

    ReportStatus = function(known, command)
      if seen(known, command) then return end
      if command.status == known.status and command.version == known.version then return end
      if not follows(known, command) then
        return found(command, command.status, command.version)
      end

      return reached(known, command)
    end,
  },

  -- `version` and `status` are what dpkg would show; `installed` is the version that was configured
  -- last; `intended` is the version that an action under way leads to.
  events = {
    PackageFound = function(known, event)
      if known.status == "unknown" then
        known.before_log = true
      else
        known.gaps = known.gaps + 1
      end
      known.status, known.version, known.at = event.status, event.version, event.at
      known.installed = configured[event.status] and event.version or nil
    end,

    ActionBegun = function(known, event)
      if known.status == "unknown" then known.status = "not-installed" end
      known.action, known.intended, known.at = event.action, event.version, event.at
    end,

    StageReached = function(known, event)
      known.status, known.version, known.at = event.status, event.version, event.at
      if event.status == "installed" then known.action, known.intended = nil, nil end
    end,

    PackageInstalled = function(known, event)
      known.status, known.version, known.at = "installed", event.version, event.at
      known.installed, known.action, known.intended = event.version, nil, nil
    end,

    PackageUpgraded = function(known, event)
      known.status, known.version, known.at = "installed", event.version, event.at
      known.installed, known.action, known.intended = event.version, nil, nil
    end,

    PackageRemoved = function(known, event)
      known.status, known.version, known.at = "config-files", event.version, event.at
      known.installed, known.action, known.intended = nil, nil, nil
    end,

    PackagePurged = function(known, event)
      known.status, known.version, known.at = "not-installed", nil, event.at
      known.installed, known.action, known.intended = nil, nil, nil
    end,
  },
}

packages:answer(GetPackage, function(query, context)
  return context:state("Package", query.package)
end)

return packages
