//! Where PostgreSQL's programs are on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

/// The folder with `initdb` and `postgres`, and their major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) major: u32,
}

/// Older ones lack what the schema uses.
const MAJOR_MIN: u32 = 14;

impl Binaries {
    /// The newest there is; or, for data that already exists, those that can read it. `HEADRACE_POSTGRES_BIN` names a
    /// folder and then no other is looked at.
    pub(super) fn find(data_major: Option<u32>) -> Result<Self, Failure> {
        let folders = match std::env::var_os("HEADRACE_POSTGRES_BIN").filter(|dir| !dir.is_empty()) {
            Some(dir) => vec![PathBuf::from(dir)],
            None => candidates(),
        };
        let found: Vec<Self> = folders.iter().filter_map(|dir| probe(dir)).collect();
        choose(found, data_major).map_err(|problem| {
            let folders: Vec<String> = folders.iter().map(|dir| dir.display().to_string()).collect();
            Failure::failed(problem).detail(format!("looked in {}", folders.join(", "))).hint(
                "install PostgreSQL (apt-get install postgresql), or name its bin folder with HEADRACE_POSTGRES_BIN, \
                 or use a database of your own with DATABASE_URL",
            )
        })
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn choose(mut found: Vec<Binaries>, data_major: Option<u32>) -> Result<Binaries, String> {
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
    match data_major {
        Some(major) => found.into_iter().find(|binaries| binaries.major == major).ok_or_else(|| {
            format!("the database was made by PostgreSQL {major}, which is not installed any more")
        }),
        None => found
            .into_iter()
            .find(|binaries| binaries.major >= MAJOR_MIN)
            .ok_or_else(|| format!("PostgreSQL {MAJOR_MIN} or newer is not installed")),
    }
}

/// Debian's, Red Hat's and Homebrew's places, then the PATH.
fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (parent, inner) in [("/usr/lib/postgresql", "bin"), ("/usr", "bin"), ("/opt/homebrew/opt", "bin")] {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if parent == "/usr/lib/postgresql" || name.starts_with("pgsql-") || name.starts_with("postgresql")
            {
                folders.push(entry.path().join(inner));
            }
        }
    }
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders.retain(|dir| dir.join("postgres").is_file() && dir.join("initdb").is_file());
    folders
}

fn probe(dir: &Path) -> Option<Binaries> {
    let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
    let major = parse_version(&String::from_utf8_lossy(&output.stdout))?;
    Some(Binaries { dir: dir.to_owned(), major })
}

/// `postgres (PostgreSQL) 15.9 (Debian …)` is 15.
fn parse_version(text: &str) -> Option<u32> {
    let number = text.split_once("(PostgreSQL) ")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.9 (Debian 15.9-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_version("mysqld 8"), None);
    }

    #[test]
    fn new_data_takes_the_newest_and_old_data_its_own() {
        let binaries = |major| Binaries { dir: PathBuf::from(format!("/{major}")), major };
        let all = || vec![binaries(15), binaries(17), binaries(9)];
        assert_eq!(choose(all(), None).expect("newest").major, 17);
        assert_eq!(choose(all(), Some(15)).expect("its own").major, 15);
        assert!(choose(all(), Some(16)).expect_err("gone").contains("16"));
        assert!(choose(vec![binaries(9)], None).is_err());
    }
}
