//! The names this daemon answers to. A page in a browser that was rebound to loopback has another one.

use std::net::{IpAddr, SocketAddr};

/// The port a `Host` header leaves out.
const HTTP_PORT: u16 = 80;

/// Every `Host` value that is served, in lower case.
#[derive(Clone, Debug)]
pub(crate) struct ServedHosts {
    port: u16,
    /// Names that are right with the served port alone.
    own: Vec<String>,
    /// What the owner's configuration adds: `name`, right with any port, or `name:port`.
    allowed: Vec<String>,
}

impl ServedHosts {
    /// The address served and the names the configuration adds to it.
    pub(crate) fn new(address: SocketAddr, host: &str, allowed: &[String]) -> Self {
        let mut own = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
        if !address.ip().is_unspecified() {
            own.push(match address.ip() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
            own.push(host.to_ascii_lowercase());
        }
        Self { port: address.port(), own, allowed: allowed.iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    /// Whether a request with this `Host` was meant for this daemon.
    pub(crate) fn serves(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let (name, port) = match split_port(&host) {
            // Digits alone: `parse` would also take `+8000`.
            Some((name, port)) => match port.parse() {
                Ok(number) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, number),
                Ok(_) | Err(_) => return false,
            },
            None => (host.as_str(), HTTP_PORT),
        };
        let is_own = port == self.port && self.own.iter().any(|own| own == name);
        is_own || self.allowed.iter().any(|allowed| *allowed == host || allowed == name)
    }
}

fn split_port(host: &str) -> Option<(&str, &str)> {
    let (name, port) = host.rsplit_once(':')?;
    // The colons of a bare `[::1]` are its own.
    (!port.ends_with(']')).then_some((name, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_are_served_with_the_right_port_only() {
        let hosts = ServedHosts::new("127.0.0.1:8000".parse().unwrap(), "127.0.0.1", &[]);
        for host in ["127.0.0.1:8000", "localhost:8000", "LocalHost:8000", "[::1]:8000"] {
            assert!(hosts.serves(host), "{host}");
        }
        for host in [
            "127.0.0.1",
            "localhost:80",
            "evil.example:8000",
            "[::1]",
            "localhost:8000.",
            "",
            "localhost:x",
            "127.0.0.1:8000:8000",
            "localhost:+8000",
            "owner@localhost:8000",
        ] {
            assert!(!hosts.serves(host), "{host}");
        }
    }

    #[test]
    fn port_80_may_be_left_out() {
        let hosts = ServedHosts::new("127.0.0.1:80".parse().unwrap(), "127.0.0.1", &[]);
        assert!(hosts.serves("localhost") && hosts.serves("[::1]") && hosts.serves("localhost:80"));
    }

    #[test]
    fn the_configuration_adds_names() {
        let allowed = ["calt.example".to_owned(), "other.example:81".to_owned()];
        let hosts = ServedHosts::new("0.0.0.0:8000".parse().unwrap(), "0.0.0.0", &allowed);
        assert!(hosts.serves("calt.example") && hosts.serves("calt.example:443") && hosts.serves("other.example:81"));
        assert!(!hosts.serves("other.example:8000") && !hosts.serves("0.0.0.0:8000"));
    }
}
