//! Does any address make the program show a password?

use crate::support::holds_for;
use proptest::prelude::*;
use proptest::sample::select;
use tidegate::db::{Address, database};

/// Found again however it is cut, and in no other word.
const SECRET: &str = "Zq7Zq7Zq7";

#[test]
fn a_password_is_in_no_output_of_an_address() {
    holds_for(with_secret(), |text| {
        for read in [Address::parse, Address::parse_argument] {
            let shown = everything_shown(read(&text));
            prop_assert!(!shown.contains("Zq7"), "{shown}");
        }
        Ok(())
    });
}

#[test]
fn a_password_in_an_argument_is_refused() {
    holds_for(("[a-z%0-9]{0,8}", "[a-z.:\\[\\]]{0,12}"), |(user, host)| {
        for text in [format!("postgres://{user}:{SECRET}@{host}/db"), format!("postgres://{host}/db?password={SECRET}")]
        {
            prop_assert!(Address::parse_argument(&text).is_err(), "{}", text);
        }
        Ok(())
    });
}

#[test]
fn any_text_is_an_address_or_is_refused() {
    holds_for("\\PC{0,60}|(postgres|sqlite|mysql|postgresql):/{0,3}[a-z@:/?=&%0-9\\[\\].#]{0,40}", |text| {
        everything_shown(Address::parse(&text));
        everything_shown(Address::parse_argument(&text));
        Ok(())
    });
}

/// Whatever of an address could reach a screen or a log, that of the connection made from it included.
fn everything_shown(read: Result<Address, tidegate::db::AddressError>) -> String {
    let address = match read {
        Ok(address) => address,
        Err(error) => return format!("{error} {error:?}"),
    };
    let made = match database(&address) {
        Ok(database) => database.address(),
        Err(failure) => format!("{failure} {failure:?}"),
    };
    format!("{address} {address:?} {made}")
}

/// Addresses with the secret wherever a password is written: behind the user, or as a parameter, among whatever else.
fn with_secret() -> impl Strategy<Value = String> {
    let scheme = select(vec!["postgres", "postgresql", "mysql", "mariadb", "http", "sqlserver", "POSTGRES", "pg"]);
    let user = "[a-zA-Z0-9%._~-]{0,10}";
    // What belongs percent-encoded in a password and is often not, save for the signs that end this part of a URL.
    let around = "[a-z0-9:@%&=+$!*;, ]{0,4}";
    let host = "[a-z0-9.]{0,12}|\\[::1\\]|\\[[0-9:a-f]{0,6}|%2Ftmp";
    let port = "|:[0-9]{0,7}|:[a-z]{1,3}";
    let rest =
        "(/[a-z]{0,8})?(\\?[a-z_]{0,8}=[a-z0-9%/]{0,6})?(&sslmode=[a-z-]{0,11})?(&connect_timeout=[0-9a-z-]{0,4})?";
    let in_authority =
        (scheme.clone(), user, around, host, port, rest).prop_map(|(scheme, user, around, host, port, rest)| {
            format!("{scheme}://{user}:{around}{SECRET}{around}@{host}{port}{rest}")
        });
    let parameter = select(vec!["password", "passwort", "sslpassword", "PASSWORD", "pass%77ord", "passfile"]);
    let as_parameter = (scheme, host, port, parameter, "[a-z%&=0-9+]{0,6}")
        .prop_map(|(scheme, host, port, name, more)| format!("{scheme}://{host}{port}/db?{name}={SECRET}&{more}"));
    prop_oneof![in_authority, as_parameter]
}
