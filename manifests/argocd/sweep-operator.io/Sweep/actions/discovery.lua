-- An action is disabled where the API server refuses it, or nothing would come of it.
local state = obj.spec.state
local status = obj.status or {}
local runs = status.runs or {}
local finished = status.phase == "Finished"
local over = state == "Stopped" or state == "Cancelled"
local lost = (runs.failed or 0) + (runs.crashed or 0)

return {
  ["pause"] = {
    displayName = "Pause",
    iconClass = "fa fa-fw fa-pause",
    disabled = state ~= "Running" or finished,
  },
  ["resume"] = {
    displayName = "Resume",
    iconClass = "fa fa-fw fa-play",
    disabled = state ~= "Paused",
  },
  ["stop"] = {
    displayName = "Stop (active runs go on to their end)",
    iconClass = "fa fa-fw fa-stop",
    disabled = over or finished,
  },
  ["cancel"] = {
    displayName = "Cancel (kill active runs)",
    iconClass = "fa fa-fw fa-ban",
    disabled = state == "Cancelled" or finished,
  },
  ["rerun-failed"] = {
    displayName = "Run failed runs again",
    iconClass = "fa fa-fw fa-redo",
    disabled = over or lost == 0,
  },
}
