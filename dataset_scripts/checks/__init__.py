"""What `emert data verify` asks of a data set; each file asks of one side of it."""
