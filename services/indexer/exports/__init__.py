"""Taking things out: a selection of the history as one zip, made as a job, kept encrypted."""
