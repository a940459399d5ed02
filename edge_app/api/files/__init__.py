"""Routes that send files: the page, originals, previews, thumbnails, zips."""
