"""Photographs that do not exist: stitched shoe leather rendered with exact truth in millimetres.

`scene` describes one photo, `sampling` draws such descriptions at random, `render` makes the photo and its
truth, `export` writes sets of them, `gallery` shows every kind beside real photos.
"""
