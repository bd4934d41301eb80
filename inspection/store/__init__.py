"""What Welt remembers: results, reviews, people, stations, keys, the audit trail, photos.

The database is spoken to here only, through SQLAlchemy: SQLite when nothing is configured, PostgreSQL by URL.
Each question is one function that takes the open `Store` and gives frozen values, never rows::

    store = open_store("sqlite:///welt-data/welt.db")
    photos = open_photos("welt-data/photos")
    inspections.add(store, record)

What the disk or the database cannot do now becomes a `StorageError` at this edge; the next call starts
afresh, so everything goes on by itself once the cause is gone.
"""

from inspection.store.database import Store, open_store
from inspection.store.photos import Photos, open_photos

__all__ = ["Photos", "Store", "open_photos", "open_store"]
