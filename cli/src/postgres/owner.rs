//! As whom PostgreSQL runs. It refuses to run as root, so then it runs as `postgres` or `nobody`, who must be able to
//! reach its folder: nothing but that folder is given to them.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A user by numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Owner {
    /// `None`: as whoever we are. As root: whoever owns the data that is there, else `postgres`, else `nobody`.
    pub(super) fn choose(folder: &Path) -> Result<Option<Self>, Failure> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        if let Ok(meta) = std::fs::metadata(folder)
            && meta.uid() != 0
        {
            return Ok(Some(Self { uid: meta.uid(), gid: meta.gid() }));
        }
        let passwd = std::fs::read_to_string("/etc/passwd")
            .map_err(|error| Failure::doing("looking for the user `postgres` in /etc/passwd", error))?;
        let found = ["postgres", "nobody"].into_iter().find_map(|name| parse_passwd(&passwd, name));
        found.map(Some).ok_or_else(|| {
            Failure::failed(
                "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`",
            )
            .hint("run `headrace up` as an ordinary user, or use a database of your own with DATABASE_URL")
        })
    }

    /// Checks that this user can pass through every folder above `folder`.
    pub(super) fn check_reach(self, folder: &Path) -> Result<(), Failure> {
        match closed_parent(folder, |dir| self.may_pass(dir)) {
            None => Ok(()),
            Some(closed) => Err(Failure::failed(format!(
                "PostgreSQL can't reach its data in {}: it runs as user {} because you are root, and that user may not \
                 pass through {}",
                folder.display(),
                self.uid,
                closed.display()
            ))
            .hint(format!(
                "pass --data-dir with a folder elsewhere, such as /var/lib/headrace, or allow it: chmod o+x {}",
                closed.display()
            ))),
        }
    }

    fn may_pass(self, dir: &Path) -> bool {
        let Ok(meta) = std::fs::metadata(dir) else { return true };
        let bit = if meta.uid() == self.uid {
            0o100
        } else if meta.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        meta.mode() & bit != 0
    }
}

/// The topmost folder above `folder` that may not be passed through.
fn closed_parent(folder: &Path, may_pass: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut parents: Vec<&Path> = folder.ancestors().skip(1).collect();
    parents.reverse();
    parents.into_iter().find(|dir| !may_pass(dir)).map(Path::to_owned)
}

/// `name:x:uid:gid:…`
fn parse_passwd(passwd: &str, name: &str) -> Option<Owner> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let uid: u32 = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    (uid != 0).then_some(Owner { uid, gid })
}

/// A folder that only its owner may enter.
pub(super) fn make_private(folder: &Path, owner: Option<Owner>) -> Result<(), Failure> {
    let doing = |error| Failure::doing(format!("making {}", folder.display()), error);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(doing)?;
    give(folder, owner)
}

/// Makes a file or folder the owner's.
pub(super) fn give(path: &Path, owner: Option<Owner>) -> Result<(), Failure> {
    let Some(Owner { uid, gid }) = owner else { return Ok(()) };
    chown(path, Some(uid), Some(gid))
        .map_err(|error| Failure::doing(format!("giving {} to user {uid}", path.display()), error))
}

/// Has a program run as the owner, away from our terminal's signals and from the user's settings for psql.
pub(super) fn run_as(command: &mut std::process::Command, owner: Option<Owner>, folder: &Path) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C").current_dir(folder).process_group(0).stdin(std::process::Stdio::null());
    if let Some(Owner { uid, gid }) = owner {
        // The standard library drops root's further groups along with the user.
        command.uid(uid).gid(gid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgresql:x:5:5::/:\npostgres:x:101:104:PG:/var/lib:/bin/sh\nbad:x:y\n";
        assert_eq!(parse_passwd(passwd, "postgres"), Some(Owner { uid: 101, gid: 104 }));
        for none in ["root", "bad", "nobody", ""] {
            assert_eq!(parse_passwd(passwd, none), None, "{none}");
        }
    }

    #[test]
    fn the_topmost_closed_folder_is_named() {
        let closed = |names: &[&str]| {
            let names: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
            closed_parent(Path::new("/root/a/b/postgres"), |dir| !names.contains(&dir.to_owned()))
        };
        assert_eq!(closed(&["/root/a", "/root"]), Some(PathBuf::from("/root")));
        assert_eq!(closed(&["/root/a/b/postgres"]), None, "the folder itself is theirs");
        assert_eq!(closed(&[]), None);
    }
}
