"""Videos, pictures and bags to files: sources -> Pipeline -> sinks, resumed after a stop."""
