//! The one shared artifact: `sync-lambda`, built once and zipped so that the same source gives the same bytes.
