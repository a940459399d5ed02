"""What a file is and says: its format, colours, metadata, and what it would cost or lacks.

Opened: `opening`, of any format, and where Pillow alone is not enough `bmp`, `tiff` (`bigtiff`,
`tiffpixels`) and `raw` (`rawkinds`), both by `tifftags`. Damaged: `mend` makes the file whole,
`partial` draws what is missing. Said: `colour` and `cicp`, `exif` and `dates`. Before anything is
decoded: `cost`, `lacks`.
"""
