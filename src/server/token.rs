//! What is a token? A secret from a file, of which only the digest is kept. Knows neither requests nor rights.

use crate::secret_file;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use subtle::ConstantTimeEq;

/// 128 bits, if they are random: `openssl rand -hex 16` makes twice as many characters.
const MIN_BYTES: usize = 16;

/// A bearer token.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// Why a token's file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token file {path} {why}")]
pub struct TokenError {
    path: String,
    why: String,
}

impl Token {
    /// Reads a token from a file that nobody but its owner may read. White space around it does not count.
    ///
    /// # Errors
    /// When the file is missing, empty or open to others, or what it holds is too short.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let refused = |why: String| TokenError { path: path.display().to_string(), why };
        let text = secret_file::read(path).map_err(|why| refused(format!("is not used: it {why}")))?;
        match text.trim() {
            short if short.len() < MIN_BYTES => Err(refused(format!(
                "holds {} bytes, and a token has {MIN_BYTES} at least; `openssl rand -hex 16` makes one",
                short.len()
            ))),
            token => Ok(Self::of(token)),
        }
    }

    /// Whether this is it. Takes as long for a token that is nearly right as for any other.
    pub(super) fn is(&self, given: &str) -> bool {
        self.0.ct_eq(&Self::of(given).0).into()
    }

    pub(super) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

impl fmt::Debug for Token {
    /// Without the digest: who has it may try tokens at home.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn read(text: &str, mode: u32) -> Result<Token, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        Token::read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_token_is_long_and_its_owners_alone() {
        let token = read("0123456789abcdef\n", 0o600).unwrap();
        assert!(token.is("0123456789abcdef") && !token.is("0123456789abcdeF") && !token.is(""));
        assert!(read("0123456789abcde\n", 0o600).unwrap_err().contains("15 bytes"));
        assert!(read("0123456789abcdef", 0o640).unwrap_err().contains("chmod 600"));
        assert!(read("\n", 0o600).unwrap_err().contains("is empty"));
    }

    #[test]
    fn a_token_is_never_shown() {
        let shown = format!("{:?} {}", Token::of("0123456789abcdef"), read("c4nary", 0o600).unwrap_err());
        assert!(!shown.contains("0123456789abcdef") && !shown.contains("c4nary"), "{shown}");
    }
}
