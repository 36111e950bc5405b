-- The health of a Sweep: of what Git asks for, not of each run.
-- Argo CD lends no string library; a message is one of the Sweep's own conditions.
local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not seen this spec yet." }
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function told(health, kind)
  return { status = health, message = (conditions[kind] or {}).message }
end

local function holds(kind)
  return (conditions[kind] or {}).status == "True"
end

-- Both go on once what is in the way is gone, but not by themselves.
if status.phase == "Crashed" then
  return told("Degraded", "Stalled")
end
if status.phase == "Failed" then
  return told("Degraded", "Complete")
end
if status.phase == "Paused" then
  return told("Suspended", "Ready")
end
-- Finished; or stopped or cancelled, which somebody wanted, and nothing is active any more.
if holds("Complete") then
  return told("Healthy", "Complete")
end
if holds("SystematicFailures") then
  return told("Progressing", "SystematicFailures")
end
return told("Progressing", "Ready")
