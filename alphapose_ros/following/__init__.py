"""The one person whom a robot follows, and what people say with their hands."""
