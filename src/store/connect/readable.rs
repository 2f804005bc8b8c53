//! Files that the settings of a connection name.

use std::fs::File;
use std::path::Path;

/// `path`, which can be read at this moment: a file that is missing is better told of at the start than by each run.
///
/// # Errors
///
/// Names the file and says why it cannot be read.
pub(crate) fn readable(path: &Path) -> Result<&Path, String> {
    match File::open(path) {
        Ok(_) => Ok(path),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}
