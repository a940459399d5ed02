"""Sources on other machines: buckets and WebDAV shares, through opendal."""
