//! Which password does PGPASSFILE hold for a server? Read anew at each connect, because passwords are changed while a run
//! lasts. The driver reads such files too, but ignores one that others may read without a word, and logs lines that it
//! cannot read, password and all: it is always given what is found here.

use super::host::Host;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// A password file.
#[derive(Clone, Debug)]
pub(super) struct PasswordFile {
    path: PathBuf,
    /// What names it, where somebody does.
    named_by: Option<String>,
}

impl PasswordFile {
    /// The one that is named, else the one at home.
    pub(super) fn new(named: Option<(&str, String)>) -> Option<Self> {
        match named {
            Some((path, name)) => Some(Self { path: path.into(), named_by: Some(name) }),
            None => std::env::home_dir().map(|home| Self { path: home.join(".pgpass"), named_by: None }),
        }
    }

    /// The password of that user, if the file has one.
    pub(super) fn password(&self, host: &Host, database: &str, user: &str) -> Option<String> {
        let port = host.port.to_string();
        find(&self.read().ok()?, [host.name_in_password_file(), &port, database, user])
    }

    /// Why the file is not used. `None`: it is used, or there is none and nobody said there was.
    pub(super) fn warning(&self) -> Option<String> {
        let why = self.read().err()?;
        let path = self.path.display();
        match &self.named_by {
            Some(name) => Some(format!("{name} names {path}, which is not used: {why}")),
            None if self.path.exists() => Some(format!("the password file {path} is not used: {why}")),
            None => None,
        }
    }

    fn read(&self) -> Result<String, String> {
        let words = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => error.to_string(),
        };
        let metadata = std::fs::metadata(&self.path).map_err(words)?;
        let mode = metadata.mode() & 0o777;
        if !metadata.is_file() {
            return Err("it is no file".to_owned());
        }
        if mode & 0o077 != 0 {
            return Err(format!("others may read it (mode {mode:04o}); run `chmod 600` on it"));
        }
        std::fs::read_to_string(&self.path).map_err(words)
    }
}

/// The password of the first line whose host, port, database and user fit. `*` fits all; `\:` and `\\` are a colon and
/// a backslash.
fn find(text: &str, wanted: [&str; 4]) -> Option<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(fields).find_map(|(fields, password)| {
        let fits = fields.iter().zip(wanted).all(|(field, wanted)| *field == "*" || unescaped(field) == wanted);
        fits.then(|| unescaped(password))
    })
}

/// The four fields of a line as they are written, and the rest.
fn fields(line: &str) -> Option<([&str; 4], &str)> {
    let mut rest = line;
    let mut fields = [""; 4];
    for field in &mut fields {
        let end = colon(rest)?;
        (*field, rest) = (&rest[..end], &rest[end + 1..]);
    }
    Some((fields, rest))
}

/// Where the first colon is that no backslash stands before.
fn colon(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let found = byte == b':' && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    })
}

fn unescaped(text: &str) -> String {
    let mut characters = text.chars();
    let mut plain = String::new();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let table = [
            ("db:5432:shop:anna:pw", Some("pw")),
            ("*:*:*:*:pw ", Some("pw ")),
            ("db:5432:shop:anna:p\\:w\\\\\\x", Some("p:w\\x")),
            ("db:5432:shop:anna:p:w", Some("p:w")),
            ("# db:5432:shop:anna:no\r\n\r\ndb:5432:shop:anna:pw\r\n", Some("pw")),
            ("other:*:*:*:no\nno line\ndb:5432:shop:an:no\ndb:*:shop:anna:pw\n*:*:*:*:late", Some("pw")),
            ("d\\b:5432:shop:anna:pw", Some("pw")),
            ("\\*:5432:shop:anna:no", None),
            ("db:5432:shop:anna", None),
            ("db\\:5432:shop:anna:no", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(find(text, ["db", "5432", "shop", "anna"]).as_deref(), expected, "{text:?}");
        }
        assert_eq!(find("\\:\\:1:5432:shop:anna:pw", ["::1", "5432", "shop", "anna"]).as_deref(), Some("pw"));
    }

    #[test]
    fn a_file_that_is_not_used_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passwords");
        let file = PasswordFile::new(Some((path.to_str().unwrap(), "PGPASSFILE".to_owned()))).unwrap();
        let host = Host { name: "db".into(), port: 5432 };
        let found = |mode: u32| {
            std::fs::write(&path, "db:5432:shop:anna:pw").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            (file.password(&host, "shop", "anna"), file.warning().unwrap_or_default())
        };
        assert_eq!(found(0o600), (Some("pw".to_owned()), String::new()));
        let (password, warning) = found(0o640);
        assert_eq!(password, None);
        assert!(warning.starts_with("PGPASSFILE names ") && warning.contains("mode 0640"), "{warning}");
        std::fs::remove_file(&path).unwrap();
        assert!(file.warning().unwrap().ends_with("which is not used: there is no such file"));
        let at_home = PasswordFile { path, named_by: None };
        assert_eq!(at_home.warning(), None, "most people have none");
    }
}
