"""Alembic calls this for each run; the connection comes from ``open_store``, with its transaction begun."""

from alembic import context
from sqlalchemy import Connection

from inspection.store.schema import metadata

connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite can undo changes of tables when its transaction is begun by hand, as ours is.
    transactional_ddl=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
