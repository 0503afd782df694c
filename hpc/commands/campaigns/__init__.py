"""Commands of campaigns: plan, run or submit, watch, report, and check what they need."""
