//! Places to listen: `port` and `interface` of `c.www` and of `c.protocols`. Apart because a port may
//! be written in Twisted's words as well, which say the interface too.

use std::net::IpAddr;

use mlua::Value;

use crate::script::read::fields::Fields;

/// The port and the address that `f` says, or the usual ones.
pub(super) fn place(f: &mut Fields<'_, '_>, port: u16, interface: &str) -> (u16, String) {
    let (mut port, mut at) = (port, f.text("interface"));
    let mut said_by = "interface";
    if let Some(Value::String(text)) = f.value("port") {
        let text = text.to_string_lossy();
        match endpoint(&text) {
            Some((number, within)) => {
                port = number;
                if within.is_some() && at.is_some() {
                    let message =
                        format!("{} says its interface twice, here and in `port`.", f.owner);
                    f.problem("interface", message);
                } else if within.is_some() {
                    (at, said_by) = (within, "port");
                }
            }
            None => {
                let message = format!("`port` of {} is not a place to listen: {text:?}.", f.owner);
                let hint = format!("Write {port} or \"tcp:{port}:interface=127.0.0.1\".");
                f.problem_with("port", message, vec![hint]);
            }
        }
    } else if let Some(number) = f.integer("port", 0..=65535) {
        port = u16::try_from(number).unwrap_or(port);
    }
    let at = at.unwrap_or_else(|| interface.to_owned());
    if !is_address(&at) {
        let message = format!(
            "`{said_by}` of {} must be an address of this machine, such as \"127.0.0.1\", not \
             {at:?}.",
            f.owner
        );
        f.problem(said_by, message);
    }
    (port, at)
}

/// `8012`, `tcp:8012` or `tcp:8012:interface=127.0.0.1`.
pub(super) fn endpoint(text: &str) -> Option<(u16, Option<String>)> {
    let rest = text.strip_prefix("tcp:").unwrap_or(text);
    let (port, more) = match rest.split_once(':') {
        Some((port, more)) => (port, Some(more.strip_prefix("interface=")?)),
        None => (rest, None),
    };
    // A colon inside an IPv6 address is written `\:` there.
    let interface = more.map(|interface| interface.replace("\\:", ":"));
    Some((port.strip_prefix("port=").unwrap_or(port).parse().ok()?, interface))
}

/// An IP address, or a name that may have one.
fn is_address(text: &str) -> bool {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    text.parse::<IpAddr>().is_ok() || (!text.is_empty() && text.bytes().all(is_name))
}

#[cfg(test)]
mod tests {
    use super::{endpoint, is_address};

    #[test]
    fn a_place_to_listen_is_read_in_buildbots_words() {
        for (text, place) in [
            ("8012", Some((8012, None))),
            ("tcp:8012", Some((8012, None))),
            ("tcp:port=8012:interface=127.0.0.1", Some((8012, Some("127.0.0.1".to_owned())))),
            (r"tcp:8012:interface=\:\:1", Some((8012, Some("::1".to_owned())))),
            ("ssl:8012", None),
            ("tcp:99999", None),
            ("tcp:80:backlog=5", None),
        ] {
            assert_eq!(endpoint(text), place, "{text}");
        }
    }

    #[test]
    fn an_interface_is_an_address_or_a_name() {
        for text in ["0.0.0.0", "::", "::1", "localhost", "ci.example.org"] {
            assert!(is_address(text), "{text}");
        }
        for text in ["", "all of them", "127.0.0.1:8012", "[::1]"] {
            assert!(!is_address(text), "{text}");
        }
    }
}
