//! Reading the small files that a configuration names.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// No secret or certificate bundle is larger, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The text of a regular file of at most 4 MiB; the error says what is wrong with it.
pub(crate) fn read_small(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if metadata.len() > MAX_BYTES {
        return Err("it is larger than 4 MiB".to_owned());
    }
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
    read.map(|_| text).map_err(|error| error.to_string())
}
