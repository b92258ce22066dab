"""How Alembic runs our migrations: on the connection that `bihak.storage.migrate` hands over."""

from alembic import context

from bihak.storage.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
