//! Variables of the environment that look like settings and are none. A file with such a name is refused; here a
//! warning must do, as others set variables too: Kubernetes for each service, by its name.

use std::ffi::OsString;

use clap::{Args, Command};

use crate::config::Flags;
use crate::gateway::GatewayFlags;
use crate::open::MASTER_SECRET;

const PREFIX: &str = "COUNTERSIGN_";
/// How many letters may be wrong for a name to be taken for another.
const NEAR: usize = 3;

/// Warns of each of the process's variables that says nothing to anybody here.
pub(crate) fn warn(variables: impl Iterator<Item = (OsString, OsString)>) {
    let names = variables.filter_map(|(name, _)| name.into_string().ok());
    for warning in unknown(names, &known()) {
        tracing::warn!("{warning}");
    }
}

/// The variables of both servers, as one environment may serve them.
fn known() -> Vec<String> {
    let commands =
        [Flags::augment_args(Command::new("serve")), GatewayFlags::augment_args(Command::new("gateway"))];
    let variables = commands.iter().flat_map(Command::get_arguments).filter_map(|arg| arg.get_env());
    let mut names: Vec<_> = variables.map(|name| name.to_string_lossy().into_owned()).collect();
    names.push(MASTER_SECRET.to_owned());
    names
}

fn unknown(names: impl Iterator<Item = String>, known: &[String]) -> Vec<String> {
    let strange =
        names.filter(|name| name.starts_with(PREFIX) && !known.contains(name) && !is_of_kubernetes(name));
    let mut warnings: Vec<_> = strange
        .map(|name| {
            let near = known.iter().map(|known| (strsim::damerau_levenshtein(&name, known), known)).min();
            match near {
                Some((letters, known)) if letters <= NEAR => {
                    format!("{name}: there is no such setting; is {known} meant?")
                }
                _ => format!("{name}: there is no such setting"),
            }
        })
        .collect();
    warnings.sort_unstable();
    warnings
}

/// What Kubernetes tells every process of a service called `countersign` or `countersign-gateway`.
fn is_of_kubernetes(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    let rest = rest.strip_prefix("GATEWAY_").unwrap_or(rest);
    rest == "PORT" || ["SERVICE_HOST", "SERVICE_PORT", "PORT_"].iter().any(|begin| rest.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(names: &[&str]) -> Vec<String> {
        unknown(names.iter().map(|name| (*name).to_owned()), &known())
    }

    #[test]
    fn a_slip_is_told_with_what_was_meant() {
        assert_eq!(
            warned(&["COUNTERSIGN_ACCES_TTL", "COUNTERSIGN_GATEWAY_UPSTREEM", "COUNTERSIGN_COLOUR"]),
            [
                "COUNTERSIGN_ACCES_TTL: there is no such setting; is COUNTERSIGN_ACCESS_TTL meant?",
                "COUNTERSIGN_COLOUR: there is no such setting",
                "COUNTERSIGN_GATEWAY_UPSTREEM: there is no such setting; is COUNTERSIGN_GATEWAY_UPSTREAM meant?",
            ]
        );
    }

    #[test]
    fn no_setting_and_nothing_of_others_is_warned_of() {
        let known = known();
        let names: Vec<_> = known.iter().map(String::as_str).collect();
        assert_eq!(warned(&names), [""; 0]);
        assert_eq!(
            warned(&[
                "PATH",
                "COUNTERSIGN_SERVICE_HOST",
                "COUNTERSIGN_PORT",
                "COUNTERSIGN_PORT_4000_TCP_ADDR",
                "COUNTERSIGN_GATEWAY_SERVICE_PORT_HTTP",
            ]),
            [""; 0]
        );
    }
}
