obj.spec.rerunFailed = (obj.spec.rerunFailed or 0) + 1
return obj
