"""Everything durable: connections to the database, the group-committing writer, the tables and their migrations."""
