-- The health of one run, for the tree of resources. It never counts for the Application, nor would
-- it be right: the failed Job below a run that was preempted is no failure of anything.
local status = obj.status or {}
local health = "Healthy"
if status.completionTime == nil then
  health = "Progressing"
elseif status.phase == "Failed" or status.phase == "Crashed" then
  health = "Degraded"
end
return { status = health, message = status.message }
