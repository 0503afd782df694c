"""A recipe as a list of jobs with cells, engines and costs."""
