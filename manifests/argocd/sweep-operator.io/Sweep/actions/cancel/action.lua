obj.spec.state = "Cancelled"
return obj
