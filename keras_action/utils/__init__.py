"""What every room may use: files, statistics, intervals, processes."""
