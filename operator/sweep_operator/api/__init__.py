"""The resources: pydantic models of Sweep and SweepRun, and the CRDs generated from them."""
