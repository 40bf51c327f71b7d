//! What in a file's text may be a password? Blanks it before the text is shown, byte for byte, so that every place stays
//! where it is. Knows no key of a job: an address may stand under a wrong one.

use std::ops::Range;

/// The text as it may be shown; `told` are places that somebody knows to be secret.
pub(super) fn blanked(text: &str, told: impl Iterator<Item = Range<usize>>) -> String {
    let mut is_secret = vec![false; text.len()];
    let mut note = |place: Range<usize>| is_secret.get_mut(place).into_iter().for_each(|bytes| bytes.fill(true));
    told.for_each(&mut note);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        secrets(line).for_each(|place| note(start + place.start..start + place.end));
        start += line.len();
    }
    let mut shown = String::with_capacity(text.len());
    for (offset, letter) in text.char_indices() {
        if is_secret[offset] && !letter.is_whitespace() && !matches!(letter, '"' | '\'') {
            shown.extend(std::iter::repeat_n('*', letter.len_utf8()));
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// The places of a line between `://` and the last `@`, which is where an address has its password, and what follows
/// `password=`. Rather too much than too little: an unescaped password may itself contain an `@`, a `/` or a quote.
fn secrets(line: &str) -> impl Iterator<Item = Range<usize>> {
    const PASSWORD: &str = "password=";
    let user = line.find("://").map(|scheme| scheme + "://".len());
    let in_address = user.zip(line.rfind('@')).map(|(user, host)| user..host);
    let parameters = line.match_indices(PASSWORD).map(|(name, _)| {
        let value = name + PASSWORD.len();
        let ends = |c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'');
        value..line[value..].find(ends).map_or(line.len(), |length| value + length)
    });
    in_address.into_iter().chain(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_password_is_blanked_and_nothing_moves() {
        for (text, expected) in [
            ("url_env = [\"postgres://anna:s3cret@db/shop\"]\n", "url_env = [\"postgres://***********@db/shop\"]\n"),
            ("url = 'postgres://a:p@s/s@db'\nrows = 5\n", "url = 'postgres://*******@db'\nrows = 5\n"),
            ("url = \"postgres://db/shop?password=ö\"\n", "url = \"postgres://db/shop?password=**\"\n"),
            ("url = \"host=db password=s3cret\"\n", "url = \"host=db password=******\"\n"),
            ("password=\"lower(password)\"\n", "password=\"lower(password)\"\n"),
            ("owner = \"anna@example.org\" # http://wiki\n", "owner = \"anna@example.org\" # http://wiki\n"),
        ] {
            let shown = blanked(text, std::iter::empty());
            assert_eq!(shown, expected);
            assert_eq!(shown.len(), text.len());
        }
    }

    #[test]
    fn an_address_that_was_told_is_blanked_whole() {
        let text = "url_env = [\"anna:s3cret@db\", \"B\"]";
        assert_eq!(blanked(text, std::iter::once(11..27)), "url_env = [\"**************\", \"B\"]");
    }
}
