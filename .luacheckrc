std = "lua54"
max_line_length = 100
files["spec"] = { std = "lua54+busted" }
files["examples/*/*_spec.lua"] = { std = "lua54+busted" }
files["core/cli/new/*_spec.lua"] = { std = "lua54+busted" }
exclude_files = { "build", "spec/*/fixtures" }
