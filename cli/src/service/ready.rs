//! The block that `up` prints when everything runs. Pure.

use std::path::{Path, PathBuf};

use crate::data_dir;

/// What the block tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ready {
    pub(crate) dashboard: String,
    /// Only at the first start.
    pub(crate) admin_key: Option<String>,
    pub(crate) admin_key_file: PathBuf,
    /// The demo cluster and its address, if it is there.
    pub(crate) demo: Option<(String, String)>,
    /// How to call this program from another terminal: program and flags.
    pub(crate) command: Command,
    pub(crate) seconds: f64,
    pub(crate) detached: bool,
}

/// This program as another terminal would have to call it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Command {
    pub(crate) program: String,
    pub(crate) flags: String,
}

impl Command {
    /// `headrace` where that is this very program, else its whole path; with `--data-dir` where that is not the default.
    pub(crate) fn for_other_terminals(data_dir: &Path) -> Self {
        let exe = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("headrace"));
        let on_path = std::env::var_os("PATH").is_some_and(|path| {
            let first =
                std::env::split_paths(&path).map(|dir| dir.join("headrace")).find(|file| file.is_file());
            first.and_then(|file| file.canonicalize().ok()) == exe.canonicalize().ok()
        });
        let program = if on_path { "headrace".to_owned() } else { quoted(&exe.to_string_lossy()) };
        let default = data_dir::default_path().map(|dir| dir.canonicalize().unwrap_or(dir));
        let flags = match default {
            Some(default) if default == data_dir => String::new(),
            _ => format!(" --data-dir {}", quoted(&data_dir.to_string_lossy())),
        };
        Self { program, flags }
    }
}

/// For a shell, quoted only if it has to be.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

impl Ready {
    pub(crate) fn render(&self) -> String {
        let Command { program, flags } = &self.command;
        let mut lines =
            vec![String::new(), format!("Headrace is ready ({:.1} s)", self.seconds), String::new()];
        lines.push(format!("  Dashboard   {}", self.dashboard));
        match &self.admin_key {
            Some(key) => lines.push(format!(
                "  Admin key   {key}   (shown this once; kept in {})",
                self.admin_key_file.display()
            )),
            None => lines.push(format!("  Admin key   in {}", self.admin_key_file.display())),
        }
        match &self.demo {
            Some((name, bootstrap)) => lines.push(format!("  Bootstrap   {bootstrap}   (cluster {name})")),
            None => lines.push("  Bootstrap   one for each cluster: see `cluster list`".into()),
        }
        lines.extend([String::new(), "Try it, in another terminal:".into(), String::new()]);
        let create = |name: &str| format!("  {program} cluster create {name} --wait{flags}");
        let produce = |cluster: &str| {
            format!("  echo 'hello, world' | {program} produce --cluster {cluster} --topic hello{flags}")
        };
        let consume = |cluster: &str| {
            format!(
                "  {program} consume --cluster {cluster} --topic hello --from-beginning --max-messages 1{flags}"
            )
        };
        match &self.demo {
            Some((name, _)) => lines.extend([produce(name), consume(name), create("orders")]),
            None => lines.extend([
                create("orders"),
                format!("  {program} topic create hello --cluster orders{flags}"),
                produce("orders"),
                consume("orders"),
            ]),
        }
        lines.push(String::new());
        lines.push(if self.detached {
            format!("It runs in the background. To stop it: {program} down{flags}")
        } else {
            "Ctrl-C stops everything; the next start finds it all as it was.".into()
        });
        lines.push(String::new());
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell_when_they_must_be() {
        assert_eq!(quoted("/a/b-1.0/headrace"), "/a/b-1.0/headrace");
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
        assert_eq!(quoted("$HOME"), "'$HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn the_block_says_what_a_newcomer_needs() {
        let ready = Ready {
            dashboard: "http://127.0.0.1:8080/".into(),
            admin_key: Some("hr_secret".into()),
            admin_key_file: "/d/admin-key".into(),
            demo: Some(("demo".into(), "127.0.0.1:19092".into())),
            command: Command { program: "/b/headrace".into(), flags: " --data-dir /d".into() },
            ..Default::default()
        };
        let first = ready.render();
        for part in [
            "http://127.0.0.1:8080/",
            "hr_secret",
            "127.0.0.1:19092",
            "| /b/headrace produce --cluster demo --topic hello --data-dir /d\n",
            "/b/headrace consume --cluster demo --topic hello --from-beginning --max-messages 1 --data-dir /d\n",
            "/b/headrace cluster create orders --wait --data-dir /d\n",
        ] {
            assert!(first.contains(part), "{part} is not in {first}");
        }
        let later = Ready { admin_key: None, demo: None, detached: true, ..ready }.render();
        assert!(!later.contains("hr_secret") && later.contains("/d/admin-key"));
        assert!(later.contains("/b/headrace down --data-dir /d"));
    }
}
