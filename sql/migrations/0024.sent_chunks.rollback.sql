DROP INDEX imports.chunks_sent;
